//! The allocator of a process that lives long and does little.
#![expect(unsafe_code, reason = "the C library's allocator is asked by its own calls")]

/// Keeps the allocator from one pool a thread: a server of many short threads would hold on to what each of them once needed.
/// To be called before the first thread.
pub fn few_arenas() {
    const ARENAS: libc::c_int = 2;
    // SAFETY: sets a number in the allocator; nothing is referred to. Where it is refused, memory is held longer and nothing else.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

/// Gives memory that is free inside the allocator back to the kernel.
pub fn give_back() {
    // SAFETY: touches only what the allocator knows to be free; safe to call from any thread at any time.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn asking_harms_nobody() {
        super::few_arenas();
        let kept = vec![7u8; 1 << 20];
        drop(vec![1u8; 1 << 20]);
        super::give_back();
        assert!(kept.iter().all(|&byte| byte == 7));
    }
}

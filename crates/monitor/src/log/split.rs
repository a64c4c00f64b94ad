//! Cuts one stream into lines as Docker's copier does: at each newline, and after 16 KiB without one.

use stead_base::time::Time;

/// The longest piece of a line (Docker's `defaultBufSize`).
pub const LINE_MAX: usize = 16 << 10;

/// What one stream has written since its last newline.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    /// The time of the first piece of a line being cut; all its pieces carry it.
    cut_since: Option<Time>,
}

impl Splitter {
    /// Takes what the stream wrote at `now` and gives each piece to `each(text without newline, ended by a newline, time)`.
    pub fn push(&mut self, mut bytes: &[u8], now: Time, mut each: impl FnMut(&[u8], bool, Time)) {
        while !bytes.is_empty() {
            let room = (LINE_MAX - self.pending.len()).min(bytes.len());
            let newline = bytes[..room].iter().position(|&byte| byte == b'\n');
            let (piece, rest, ended) = match newline {
                Some(at) => (&bytes[..at], &bytes[at + 1..], true),
                None if self.pending.len() + room == LINE_MAX => (&bytes[..room], &bytes[room..], false),
                None => {
                    self.pending.extend_from_slice(bytes);
                    return;
                }
            };
            bytes = rest;
            let time = if ended { self.cut_since.take().unwrap_or(now) } else { *self.cut_since.get_or_insert(now) };
            if self.pending.is_empty() {
                each(piece, ended, time);
            } else {
                self.pending.extend_from_slice(piece);
                each(&self.pending, ended, time);
                self.pending.clear();
            }
        }
    }

    /// The stream is over: what is left is a line without an end.
    pub fn finish(&mut self, now: Time, each: impl FnOnce(&[u8], bool, Time)) {
        let time = self.cut_since.take().unwrap_or(now);
        if !self.pending.is_empty() {
            each(&self.pending, false, time);
        }
        self.pending = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool, i128)> {
        let mut splitter = Splitter::default();
        let mut out = Vec::new();
        for (second, chunk) in chunks.iter().enumerate() {
            let now = Time::from_nanos(second as i128);
            splitter.push(chunk, now, |text, ended, time| out.push((text.to_vec(), ended, time.nanos())));
        }
        splitter.finish(Time::from_nanos(99), |text, ended, time| out.push((text.to_vec(), ended, time.nanos())));
        out
    }

    #[test]
    fn lines_end_at_newlines_whatever_the_reads_were() {
        assert_eq!(
            run(&[b"a\nb", b"c\n\nd"]),
            [(b"a".to_vec(), true, 0), (b"bc".to_vec(), true, 1), (b"".to_vec(), true, 1), (b"d".to_vec(), false, 99)]
        );
        assert_eq!(run(&[]), []);
        assert_eq!(run(&[b"x\n"]), [(b"x".to_vec(), true, 0)]);
    }

    #[test]
    fn long_lines_are_cut_and_keep_their_first_time() {
        let long = vec![b'x'; LINE_MAX + 10];
        let got = run(&[&long[..LINE_MAX], &long[LINE_MAX..], b"\ny\n"]);
        assert_eq!(got.len(), 3);
        assert_eq!((got[0].0.len(), got[0].1, got[0].2), (LINE_MAX, false, 0));
        assert_eq!((got[1].0.len(), got[1].1, got[1].2), (10, true, 0));
        assert_eq!(got[2], (b"y".to_vec(), true, 2));
    }

    #[test]
    fn a_line_that_fills_the_buffer_exactly_is_cut_before_its_newline() {
        let full = vec![b'x'; LINE_MAX];
        let got = run(&[&full[..100], &full[100..], b"\n"]);
        assert_eq!(got.iter().map(|(text, ended, _)| (text.len(), *ended)).collect::<Vec<_>>(), [(LINE_MAX, false), (0, true)]);
        let mut just = vec![b'x'; LINE_MAX - 1];
        just.push(b'\n');
        assert_eq!(run(&[&just]).len(), 1);
    }

    #[test]
    fn every_byte_comes_out_once() {
        let text: Vec<u8> = (0..100_000u32).map(|n| if n % 977 == 0 { b'\n' } else { b'a' + u8::try_from(n % 26).unwrap() }).collect();
        for size in [1, 7, 976, 977, 16384] {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            let mut joined = Vec::new();
            for (line, ended, _) in run(&chunks) {
                joined.extend_from_slice(&line);
                if ended {
                    joined.push(b'\n');
                }
            }
            assert_eq!(joined, text, "chunks of {size}");
        }
    }
}

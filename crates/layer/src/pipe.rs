//! Two threads for one layer: the first reads, inflates and hashes, the second parses and writes files. On two cores that halves the time.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, SyncSender};

use sha2::{Digest as _, Sha256};
use stead_base::Digest;

/// Size of one piece on its way from thread to thread.
const CHUNK: usize = 512 * 1024;
/// Pieces under way at most: bounds memory to 4 MiB a layer.
const CHUNKS_MAX: usize = 8;

/// The second thread's end of the pipe.
pub(crate) struct ChunkReader {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

/// The first thread's end.
pub(crate) struct Feeder {
    full: SyncSender<io::Result<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
}

/// Makes both ends.
pub(crate) fn pipe() -> (Feeder, ChunkReader) {
    let (full_in, full_out) = mpsc::sync_channel(CHUNKS_MAX);
    let (empty_in, empty_out) = mpsc::sync_channel(CHUNKS_MAX + 2);
    (Feeder { full: full_in, empty: empty_out }, ChunkReader { full: full_out, empty: empty_in, chunk: Vec::new(), at: 0 })
}

impl Feeder {
    /// Reads to the end; answers the digest and the length of what was read. A read error travels through the pipe to the reader,
    /// which reports it; a reader that went away ends the feeding.
    pub(crate) fn feed(self, from: &mut dyn Read) -> (Digest, u64) {
        let mut hash = Sha256::new();
        let mut total = 0;
        loop {
            let mut chunk = self.empty.try_recv().unwrap_or_default();
            match fill(from, &mut chunk) {
                Ok(()) if chunk.is_empty() => break,
                Ok(()) => {
                    hash.update(&chunk);
                    total += chunk.len() as u64;
                    if self.full.send(Ok(chunk)).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    // The reader is either there and reports it, or has failed already with an error of its own.
                    self.full.send(Err(error)).ok();
                    break;
                }
            }
        }
        (Digest::from_bytes(&hash.finalize().into()), total)
    }
}

/// Fills one piece as far as the stream gives; empty only at its end.
fn fill(from: &mut dyn Read, chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.resize(CHUNK, 0);
    let mut have = 0;
    while have < CHUNK {
        match from.read(&mut chunk[have..]) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(have);
    Ok(())
}

impl Read for ChunkReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let spent = std::mem::take(&mut self.chunk);
            if spent.capacity() > 0 {
                // Only saves an allocation; a full or closed channel is fine.
                self.empty.try_send(spent).ok();
            }
            self.at = 0;
            match self.full.recv() {
                Ok(chunk) => self.chunk = chunk?,
                Err(mpsc::RecvError) => return Ok(0),
            }
        }
        let n = buf.len().min(self.chunk.len() - self.at);
        buf[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_in_order_with_their_digest() {
        let data: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
        let (feeder, mut reader) = pipe();
        let mut out = Vec::new();
        let (digest, total) = std::thread::scope(|scope| {
            let feed = scope.spawn(|| feeder.feed(&mut &data[..]));
            reader.read_to_end(&mut out).unwrap();
            feed.join().unwrap()
        });
        assert_eq!(out, data);
        assert_eq!(total, data.len() as u64);
        assert_eq!(digest, Digest::from_bytes(&Sha256::digest(&data).into()));
    }

    #[test]
    fn a_reader_that_gives_up_stops_the_feeder() {
        let (feeder, reader) = pipe();
        drop(reader);
        let (_, total) = feeder.feed(&mut io::repeat(0).take(1 << 30));
        assert!(total < 1 << 24);
    }
}

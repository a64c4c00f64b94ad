//! The writing end: one append-only file, set aside as `.1`, `.2`, … when it has grown to its limit.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use stead_base::time::Time;

use super::{Error, Stream, json};
use crate::config::LogConfig;

/// Bytes gathered before they are written: one write for a burst of short lines.
const GATHER: usize = 32 << 10;
/// A gathering buffer is given back above this size (one escaped 16 KiB line of control bytes takes 96 KiB).
const KEEP_MAX: usize = 64 << 10;

/// The live log file of one container.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: Option<u64>,
    max_file: u32,
    attrs: String,
    pending: Vec<u8>,
}

impl Writer {
    /// Opens or creates the live file.
    ///
    /// # Errors
    /// Of the open.
    pub fn open(path: &Path, config: &LogConfig) -> Result<Self, Error> {
        let file = open(path)?;
        let size = file.metadata().map_err(|source| Error::new("stat", path, source))?.len();
        let mut writer = Self {
            path: path.to_path_buf(),
            file,
            size,
            max_size: config.max_size,
            max_file: config.max_file,
            attrs: json::encode_attrs(&config.attrs),
            pending: Vec::new(),
        };
        writer.end_torn_line();
        Ok(writer)
    }

    /// Adds one line; it is in the file after the next [`Self::flush`] at the latest.
    ///
    /// # Errors
    /// Of writing or rotating. The lines gathered so far are dropped then; the container goes on.
    pub fn add(&mut self, stream: Stream, text: &[u8], ended: bool, time: Time) -> Result<(), Error> {
        if self.max_size.is_some_and(|max| self.size + self.pending.len() as u64 >= max) {
            self.flush()?;
            self.rotate()?;
        }
        json::encode(&mut self.pending, stream, text, ended, &self.attrs, time);
        if self.pending.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Writes what was gathered. A write that fails half-way is taken back, so that no reader meets half a line in the middle of the file.
    ///
    /// # Errors
    /// Of the write.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.pending);
        let length = self.pending.len() as u64;
        self.pending.clear();
        if self.pending.capacity() > KEEP_MAX {
            self.pending = Vec::new();
        }
        match written {
            Ok(()) => {
                self.size += length;
                Ok(())
            }
            Err(source) => {
                if self.file.set_len(self.size).is_err() {
                    self.size = self.file.metadata().map_or(self.size, |meta| meta.len());
                }
                Err(Error::new("write", &self.path, source))
            }
        }
    }

    /// Inode and length of the live file: the point between what is written and what will be.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        (self.file.metadata().map_or(0, |meta| meta.ino()), self.size)
    }

    /// Docker's rotation: with one file it is emptied, with more the oldest goes and each moves up by one.
    fn rotate(&mut self) -> Result<(), Error> {
        if self.max_file < 2 {
            self.file.set_len(0).map_err(|source| Error::new("truncate", &self.path, source))?;
            self.size = 0;
            return Ok(());
        }
        // Not durable on purpose: after a power cut any mixture of old and new names still holds only whole files.
        for number in (1..self.max_file).rev() {
            let from = if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            match rustix::fs::rename(&from, numbered(&self.path, number)) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => return Err(Error::new("rename", from, errno)),
            }
        }
        self.file = open(&self.path)?;
        self.size = 0;
        Ok(())
    }

    /// A power cut may have left half a line; the next entry begins on a line of its own.
    fn end_torn_line(&mut self) {
        use std::os::unix::fs::FileExt;

        let mut last = [0u8; 1];
        let Some(at) = self.size.checked_sub(1) else { return };
        let torn = File::open(&self.path).and_then(|file| file.read_exact_at(&mut last, at)).is_ok() && last != [b'\n'];
        if torn && self.file.write_all(b"\n").is_ok() {
            self.size += 1;
        }
    }
}

/// The name of the file that was set aside `number` rotations ago.
#[must_use]
pub fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path).map_err(|source| Error::new("open", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    fn config(max_size: u64, max_file: u32) -> LogConfig {
        LogConfig { max_size: Some(max_size), max_file, ..LogConfig::default() }
    }

    fn write(writer: &mut Writer, lines: std::ops::Range<u32>) {
        for n in lines {
            writer.add(Stream::Stdout, format!("line {n}").as_bytes(), true, Time::from_nanos(i128::from(n))).unwrap();
        }
        writer.flush().unwrap();
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let dir = TestDir::new("rotate");
        let path = dir.path().join("x-json.log");
        let mut writer = Writer::open(&path, &config(200, 3)).unwrap();
        write(&mut writer, 0..100);
        for file in [path.clone(), numbered(&path, 1), numbered(&path, 2)] {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.len() < 400 && text.ends_with('\n'), "{}: {}", file.display(), text.len());
        }
        assert!(!numbered(&path, 3).exists());
        assert!(std::fs::read_to_string(&path).unwrap().contains("line 99"));
    }

    #[test]
    fn a_single_file_is_emptied() {
        let dir = TestDir::new("empty");
        let path = dir.path().join("x-json.log");
        let mut writer = Writer::open(&path, &config(200, 1)).unwrap();
        write(&mut writer, 0..100);
        assert!(std::fs::metadata(&path).unwrap().len() < 400);
        assert!(!numbered(&path, 1).exists());
    }

    #[test]
    fn a_full_disk_leaves_whole_lines() {
        let dir = TestDir::new("full");
        let path = dir.path().join("x-json.log");
        let mut writer = Writer::open(&path, &LogConfig::default()).unwrap();
        write(&mut writer, 0..3);
        let before = std::fs::read(&path).unwrap();
        writer.file = File::open(&path).unwrap();
        writer.add(Stream::Stdout, b"lost", true, Time::from_nanos(0)).unwrap();
        assert!(writer.flush().is_err());
        writer.file = open(&path).unwrap();
        write(&mut writer, 3..4);
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(after.as_bytes().starts_with(&before) && after.ends_with("\n") && after.lines().count() == 4);
    }

    #[test]
    fn a_torn_line_does_not_swallow_the_next() {
        let dir = TestDir::new("torn");
        let path = dir.path().join("x-json.log");
        let mut torn = open(&path).unwrap();
        torn.write_all(b"{\"log\":\"ha").unwrap();
        let mut writer = Writer::open(&path, &LogConfig::default()).unwrap();
        write(&mut writer, 0..1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(json::decode(text.lines().nth(1).unwrap().as_bytes()).unwrap().text, "line 0\n");
    }
}

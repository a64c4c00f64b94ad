//! The files a log consists of, oldest first, and the place in them where the last `n` lines begin.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Error;
use super::rotate::numbered;

/// Bytes read at a time from the end.
const BLOCK: usize = 64 << 10;

/// One file and where reading begins in it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) file: File,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
}

/// Opens all files of a log, oldest first. The live one is opened first: a rotation in between then shows it twice (and it is taken once), never not at all.
pub(crate) fn open(path: &Path) -> Result<VecDeque<Link>, Error> {
    let mut links: VecDeque<Link> = VecDeque::new();
    let mut missing = 0;
    for number in 0.. {
        let name = if number == 0 { path.to_path_buf() } else { numbered(path, number) };
        let file = match File::open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing += 1;
                // A rotation under way leaves one name free for an instant; two in a row are the end.
                if missing == 2 {
                    break;
                }
                continue;
            }
            Err(source) => return Err(Error::new("open", name, source)),
        };
        missing = 0;
        let inode = inode(&file, &name)?;
        if !links.iter().any(|link| link.inode == inode) {
            links.push_front(Link { file, inode, offset: 0 });
        }
    }
    Ok(links)
}

/// What follows a file that has been read to its end and is no longer the live one: the files that are newer than it, oldest first.
pub(crate) fn newer_than(path: &Path, inode: u64) -> Result<VecDeque<Link>, Error> {
    let mut links = open(path)?;
    if let Some(at) = links.iter().position(|link| link.inode == inode) {
        drop(links.drain(..=at));
    }
    Ok(links)
}

/// Inode of the live file, `None` when there is none at this instant.
pub(crate) fn live_inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|meta| meta.ino())
}

fn inode(file: &File, path: &Path) -> Result<u64, Error> {
    Ok(file.metadata().map_err(|source| Error::new("stat", path, source))?.ino())
}

/// Drops all but the last `count` lines of the chain. An unfinished last line does not count. The newest file stays, at its end if need be: a follower
/// goes on from there.
pub(crate) fn keep_last(links: &mut VecDeque<Link>, mut count: usize, path: &Path) -> Result<(), Error> {
    let mut keep = links.len();
    for link in links.iter_mut().rev() {
        keep -= 1;
        let (offset, found) = start_of_last(&link.file, count).map_err(|source| Error::new("read", path, source))?;
        link.offset = offset;
        count -= found;
        if count == 0 {
            break;
        }
    }
    drop(links.drain(..keep));
    Ok(())
}

/// The offset at which the last `count` whole lines begin and how many there are.
fn start_of_last(file: &File, count: usize) -> std::io::Result<(u64, usize)> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0u8; BLOCK];
    let mut newlines = 0;
    while end > 0 {
        let length = usize::try_from(end).unwrap_or(BLOCK).min(BLOCK);
        let start = end - length as u64;
        file.read_exact_at(&mut block[..length], start)?;
        for at in (0..length).rev().filter(|&at| block[at] == b'\n') {
            if newlines == count {
                return Ok((start + at as u64 + 1, count));
            }
            newlines += 1;
        }
        end = start;
    }
    Ok((0, newlines))
}

/// The path of a container's live log below its directory.
pub(crate) fn live_path(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}-json.log"))
}

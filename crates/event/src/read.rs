//! Reading what happened.

use stead_base::layout::Root;
use stead_base::time::Time;
use stead_sys::Result;

use crate::event::Event;
use crate::lines::Lines;

/// The events of a time, oldest first. An error ends it.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    since: Option<Time>,
    until: Option<Time>,
    over: bool,
}

/// The events that are in the journal now, from `since` up to `until`, both included. A journal that is not there has none.
#[must_use]
pub fn read(root: &Root, since: Option<Time>, until: Option<Time>) -> Reader {
    Reader { lines: Lines::from_start(&root.events()), since, until, over: false }
}

impl Iterator for Reader {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        while !self.over {
            match self.lines.next() {
                Ok(Some(event)) => {
                    if self.since.is_none_or(|since| event.time >= since) && self.until.is_none_or(|until| event.time <= until) {
                        return Some(Ok(event));
                    }
                }
                Ok(None) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

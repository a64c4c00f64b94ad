//! Bytes through the monitor: from the container to its clients and its log, from clients to its stdin.

use std::time::Instant;

use super::remark;
use super::turn::Server;
use crate::log::Stream;
use crate::protocol::{Credit, Kind};
use crate::stdio::{self, Got};
use stead_base::time::Time;

impl Server {
    /// Whether some client is so far behind that the container has to wait.
    pub(super) fn is_held(&self) -> bool {
        self.connections.values().any(|connection| connection.attach.is_some() && connection.is_full())
    }

    /// Takes one read from a stream to everybody who wants it.
    pub(super) fn pass_on(&mut self, stream: Stream) {
        let Some(output) = self.streams.outputs.iter_mut().find(|output| output.stream == stream) else { return };
        let count = match stdio::read(&output.fd, &mut self.scratch) {
            Got::Nothing => return,
            Got::End => return self.stream_ended(stream),
            Got::Bytes(count) => count,
        };
        let bytes = &self.scratch[..count];
        let (kind, now) = (if stream == Stream::Stdout { Kind::Stdout } else { Kind::Stderr }, Instant::now());
        for connection in self.connections.values_mut() {
            let wants = connection.attach.is_some_and(|attach| if stream == Stream::Stdout { attach.stdout } else { attach.stderr });
            if wants {
                connection.send_stream(kind, bytes, now);
            }
        }
        let Some(log) = &mut self.log else { return };
        let mut failure = None;
        output.lines.push(bytes, Time::now(), |text, ended, time| {
            failure = failure.take().or(log.add(stream, text, ended, time).err());
        });
        if let Some(error) = failure.or(log.flush().err()) {
            remark(&error.to_string());
        }
    }

    /// The stream is over: its last words may lack a newline.
    pub(super) fn stream_ended(&mut self, stream: Stream) {
        let Some(mut lines) = self.streams.remove(stream) else { return };
        let Some(log) = &mut self.log else { return };
        let mut failure = None;
        lines.finish(Time::now(), |text, ended, time| failure = log.add(stream, text, ended, time).err());
        if let Some(error) = failure.or(log.flush().err()) {
            remark(&error.to_string());
        }
    }

    /// Stdin from a client.
    pub(super) fn feed(&mut self, token: u64, bytes: &[u8]) {
        self.feeders.push_back((token, bytes.len()));
        let taken = self.streams.feed(bytes);
        self.credit(taken);
    }

    /// The container can take more of what waits.
    pub(super) fn feed_more(&mut self) {
        let taken = self.streams.drain_input();
        self.credit(taken);
    }

    /// Gives clients back the room their bytes took.
    fn credit(&mut self, mut taken: usize) {
        while taken > 0 {
            let Some((token, waiting)) = self.feeders.front_mut() else { break };
            let bytes = taken.min(*waiting);
            *waiting -= bytes;
            taken -= bytes;
            if let Some(connection) = self.connections.get_mut(token) {
                connection.send_json(Kind::Credit, &Credit { bytes });
            }
            if *waiting == 0 {
                self.feeders.pop_front();
            }
        }
    }

    /// A client that brought stdin has no more.
    pub(super) fn client_stdin_ended(&mut self) {
        if self.config.stdin == crate::Stdin::Once {
            self.streams.close_input();
        }
    }
}

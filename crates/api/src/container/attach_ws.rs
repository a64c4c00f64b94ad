//! `GET /containers/{id}/attach/ws`: the same streams in the messages of a web socket, without frames of Docker's own.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use stead_engine::Failure;
use stead_engine::session::Attach;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::attach::{Wanted, meet};
use super::follow::{Session, wait};
use crate::ask::Ask;
use crate::hijack::Hijacked;
use crate::reply::Reply;
use crate::route::Answer;

/// The longest message; what is typed comes in short ones.
const MESSAGE_MAX: usize = 1 << 20;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let engine = Arc::clone(ask.engine());
    let stdio = engine.container_stdio(ask.param("id"))?;
    let key = ask.header("sec-websocket-key").filter(|_| ask.header("sec-websocket-version") == Some("13"));
    let Some(accept) = key.map(|key| derive_accept_key(key.as_bytes())) else {
        return Err(Failure::invalid("bad request: a web socket handshake is expected"));
    };
    let mut wanted = Wanted::read(ask.query(), &stdio)?;
    // A web socket is attached to what it names, and to everything where it names nothing.
    if ask.query().get("stdin").is_none() && ask.query().get("stdout").is_none() && ask.query().get("stderr").is_none() {
        wanted.streams = Attach { stdin: stdio.open_stdin, stdout: true, stderr: true, patient: true };
    }
    let (meeting, attached) = meet(&engine, &stdio, &wanted)?;
    let hijack = Reply::web_socket(move |connection| {
        let Ok((ours, theirs)) = UnixStream::pair() else { return };
        let inner = Hijacked { stream: theirs, early: Vec::new() };
        let Ok(session) = Session::new(engine, stdio, wanted, inner, true) else { return };
        std::thread::scope(|scope| {
            let messages = scope.spawn(move || carry(connection, ours));
            session.run(meeting, attached);
            // The other end of the pair is closed now, so that it ends, too.
            drop(messages.join());
        });
    });
    Ok(hijack.with_header("connection", "Upgrade").with_header("upgrade", "websocket").with_header("sec-websocket-accept", accept))
}

/// Messages to bytes and back, until one side ends.
fn carry(connection: Hijacked, mut plain: UnixStream) {
    let Hijacked { stream, early } = connection;
    if stream.set_nonblocking(true).is_err() {
        return;
    }
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
    let mut socket = WebSocket::from_partially_read(stream, early, Role::Server, Some(config));
    drop(turn(&mut socket, &mut plain));
    drop(socket.close(None));
    drop(socket.flush());
}

fn turn(socket: &mut WebSocket<UnixStream>, plain: &mut UnixStream) -> io::Result<()> {
    let mut buffer = vec![0u8; 16 << 10];
    // Something that the socket did not take yet: nothing more is read for it.
    let mut waiting = false;
    loop {
        loop {
            match socket.read() {
                Ok(Message::Binary(bytes)) => plain.write_all(&bytes)?,
                Ok(Message::Text(text)) => plain.write_all(text.as_bytes())?,
                Ok(Message::Close(_)) => return Ok(()),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let outer = if waiting { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = vec![PollFd::new(socket.get_ref(), outer)];
        if !waiting {
            fds.push(PollFd::new(&*plain, PollFlags::IN));
        }
        wait(&mut fds, None)?;
        let said = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        let sent = if said {
            let count = plain.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            socket.send(Message::binary(buffer[..count].to_vec()))
        } else {
            socket.flush()
        };
        waiting = match sent {
            Ok(()) => false,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(io::Error::other(error)),
        };
    }
}

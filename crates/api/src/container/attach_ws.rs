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
    if stream.set_nonblocking(true).and_then(|()| plain.set_nonblocking(true)).is_err() {
        return;
    }
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
    let mut socket = WebSocket::from_partially_read(stream, early, Role::Server, Some(config));
    drop(turn(&mut socket, &mut plain));
    drop(socket.close(None));
    drop(socket.flush());
}

/// Neither direction waits for the other: a container that echoes to a client that does not read must not keep us from seeing it leave.
fn turn(socket: &mut WebSocket<UnixStream>, plain: &mut UnixStream) -> io::Result<()> {
    // Sent by the client and not yet taken; nothing more is read from it meanwhile.
    let mut typed: Vec<u8> = Vec::new();
    // Something that the client did not take yet; nothing more is read for it meanwhile.
    let mut waiting = false;
    loop {
        if typed.is_empty() && hear(socket, &mut typed)? {
            return Ok(());
        }
        give(plain, &mut typed)?;
        if typed.is_empty() && hear(socket, &mut typed)? {
            return Ok(());
        }
        let mut outer = if typed.is_empty() { PollFlags::IN } else { PollFlags::empty() };
        outer.set(PollFlags::OUT, waiting);
        let mut inner = if waiting { PollFlags::empty() } else { PollFlags::IN };
        inner.set(PollFlags::OUT, !typed.is_empty());
        let mut fds = vec![PollFd::new(socket.get_ref(), outer)];
        if !inner.is_empty() {
            fds.push(PollFd::new(&*plain, inner));
        }
        wait(&mut fds, None)?;
        let left = !typed.is_empty() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
        let said = !waiting && fds.get(1).is_some_and(|fd| fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR));
        if left {
            return Ok(());
        }
        match pass(socket, plain, said)? {
            Some(waits) => waiting = waits,
            None => return Ok(()),
        }
    }
}

/// Takes messages until there is something to give or nothing more to take. True when the client has said good-bye.
fn hear(socket: &mut WebSocket<UnixStream>, typed: &mut Vec<u8>) -> io::Result<bool> {
    while typed.is_empty() {
        match socket.read() {
            Ok(Message::Binary(bytes)) => typed.extend_from_slice(&bytes),
            Ok(Message::Text(text)) => typed.extend_from_slice(text.as_bytes()),
            Ok(Message::Close(_)) => return Ok(true),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(false)
}

/// Gives the session what it takes now.
fn give(plain: &mut UnixStream, typed: &mut Vec<u8>) -> io::Result<()> {
    while !typed.is_empty() {
        match plain.write(typed) {
            Ok(count) => drop(typed.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Passes one read of the session's output on, or what is still owed. Whether the client has to take more first; `None` at the end of the output.
fn pass(socket: &mut WebSocket<UnixStream>, plain: &mut UnixStream, said: bool) -> io::Result<Option<bool>> {
    let mut buffer = [0u8; 16 << 10];
    let sent = match if said { plain.read(&mut buffer) } else { Err(io::ErrorKind::WouldBlock.into()) } {
        Ok(0) => return Ok(None),
        Ok(count) => socket.send(Message::binary(buffer[..count].to_vec())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.flush(),
        Err(error) => return Err(error),
    };
    match sent {
        Ok(()) => Ok(Some(false)),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(Some(true)),
        Err(error) => Err(io::Error::other(error)),
    }
}

//! One connection: hyper speaks HTTP on it until it ends or somebody takes it over.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Blocking;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stead_engine::Engine;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::server::TlsStream;

use crate::answer::{Door, Takeover, answer};
use crate::hijack::{Hijacked, Peer};
use crate::reply::Taker;

/// How long a client may take for a request's head. Docker's five minutes, which idle connections share.
const HEAD_LIMIT: Duration = Duration::from_secs(300);
/// The longest head of a request, and its most lines.
const HEAD_MAX: usize = 64 << 10;
const LINES_MAX: usize = 128;

/// Where bytes come and go.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether an end of sending is told from a hang-up.
    const HALF_CLOSE: bool;

    /// The same connection for a thread that may block.
    fn into_blocking(self) -> io::Result<Blocking>;
}

impl Transport for UnixStream {
    const HALF_CLOSE: bool = true;

    fn into_blocking(self) -> io::Result<Blocking> {
        let stream = self.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl Transport for TlsStream<TcpStream> {
    const HALF_CLOSE: bool = false;

    /// The records are made and read here; the thread gets the plain side.
    fn into_blocking(mut self) -> io::Result<Blocking> {
        let (theirs, ours) = Blocking::pair()?;
        ours.set_nonblocking(true)?;
        let mut plain = UnixStream::from_std(ours)?;
        drop(tokio::spawn(async move { tokio::io::copy_bidirectional(&mut self, &mut plain).await }));
        Ok(theirs)
    }
}

/// Speaks on one connection to its end, or until it is idle while the server ends.
pub(crate) async fn speak<T: Transport>(engine: Arc<Engine>, transport: T, descriptor: OwnedFd, mut stopping: watch::Receiver<bool>) {
    let (takeovers, mut taken) = mpsc::unbounded_channel();
    let door = Door { engine, peer: Peer::new(descriptor, T::HALF_CLOSE), takeovers };
    let service = service_fn(move |request| {
        let answer = answer(door.clone(), request);
        Box::pin(async move { Ok::<_, std::convert::Infallible>(answer.await) }) as Pin<Box<dyn Future<Output = _> + Send>>
    });
    let mut http = http1::Builder::new()
        .half_close(T::HALF_CLOSE)
        .max_buf_size(HEAD_MAX)
        .max_headers(LINES_MAX)
        // As Go writes them: some clients look for them in these letters.
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(transport), service);
    let takeover = {
        let mut stopped = pin!(stopping.wait_for(|stop| *stop));
        let mut told = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(Some(takeover)) = taken.poll_recv(cx) {
                return Poll::Ready(Some(takeover));
            }
            if !told && stopped.as_mut().poll(cx).is_ready() {
                told = true;
                Pin::new(&mut http).graceful_shutdown();
            }
            http.poll_without_shutdown(cx).map(|_ended| None)
        })
        .await
    };
    if let Some(takeover) = takeover {
        let Parts { io, read_buf, .. } = http.into_parts();
        let Takeover { head, take, unanswered } = takeover;
        drop(unanswered);
        if let Ok(stream) = io.into_inner().into_blocking() {
            hand_over(stream, read_buf.to_vec(), head, take);
        }
    }
}

/// How long a client may take to read the head.
const READS_HEAD: Duration = Duration::from_millis(500);

/// Waits until the client has read the head. docker-py drops the bytes that come with it in one read: they stay in the buffer of a reader that it takes
/// the socket away from. A daemon that needs a tenth of a second for a program's first byte never meets that; we would, one time in a hundred.
fn head_is_read(stream: &Blocking) {
    let until = Instant::now() + READS_HEAD;
    let mut nap = Duration::from_micros(50);
    while stead_sys::socket::unread(stream.as_fd()).is_some_and(|bytes| bytes > 0) && Instant::now() < until {
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(5));
    }
}

/// The connection gets a thread of its own.
fn hand_over(mut stream: Blocking, early: Vec<u8>, head: Vec<u8>, take: Taker) {
    drop(tokio::task::spawn_blocking(move || {
        if stream.write_all(&head).is_ok() {
            head_is_read(&stream);
            take(Hijacked { stream, early });
        }
    }));
}

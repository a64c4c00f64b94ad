//! Listeners, the runtime behind them, and the end of the server: connections end, containers go on.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use stead_base::time::Time;
use stead_engine::Engine;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::answer::answered;
use crate::connection::speak;
use crate::tls::Tls;

/// Threads for handlers; each follower of a log or waiter for an end holds one.
const THREADS_MAX: usize = 4096;
/// How long an idle thread is kept.
const THREAD_KEEP: Duration = Duration::from_secs(2);
/// How deep a handler's calls may go.
const STACK: usize = 1 << 20;
/// How long requests may take to end after the server was told to.
const GRACE: Duration = Duration::from_secs(2);
/// How long a client may take to prove who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long nobody must have asked for anything before the server rests. Longer than idle threads are kept.
const QUIET: Duration = Duration::from_secs(3);
/// How often it is looked for schedules that others have made.
const LOOK: Duration = Duration::from_secs(60);
/// However often something is due.
const LEAST: Duration = Duration::from_millis(500);
/// After a failed accept: out of descriptors or memory, somebody will close something.
const PAUSE: Duration = Duration::from_millis(50);

/// Where clients come in.
#[derive(Debug)]
pub enum Listener {
    /// A unix socket, listening.
    Unix(std::os::unix::net::UnixListener),
    /// A TCP socket, listening, for those who have a certificate.
    Tcp(std::net::TcpListener, Tls),
}

/// What every connection needs.
#[derive(Debug, Clone)]
struct Hall {
    engine: Arc<Engine>,
    stopping: watch::Receiver<bool>,
    /// Held by every connection: the server is empty when nobody holds it.
    present: mpsc::Sender<()>,
}

/// Serves until SIGTERM or SIGINT. `rest` is called when requests have been answered and no more have come for a while.
///
/// # Errors
/// No listener can be used.
pub fn serve(engine: &Arc<Engine>, listeners: Vec<Listener>, rest: fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .thread_keep_alive(THREAD_KEEP)
        .thread_stack_size(STACK)
        .thread_name("stead-serve")
        .build()?;
    let outcome = runtime.block_on(hold(Arc::clone(engine), listeners, rest));
    // Streams that never end by themselves end with the process.
    runtime.shutdown_background();
    outcome
}

async fn hold(engine: Arc<Engine>, listeners: Vec<Listener>, rest: fn()) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopping) = watch::channel(false);
    let (present, mut absent) = mpsc::channel(1);
    let hall = Hall { engine, stopping, present };
    let mut accepting = vec![tokio::spawn(rest_when_quiet(rest)), tokio::spawn(run_schedules(Arc::clone(&hall.engine), rest))];
    for listener in listeners {
        let hall = hall.clone();
        accepting.push(match listener {
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                tokio::spawn(accept_unix(hall, UnixListener::from_std(listener)?))
            }
            Listener::Tcp(listener, tls) => {
                listener.set_nonblocking(true)?;
                tokio::spawn(accept_tcp(hall, TcpListener::from_std(listener)?, tls))
            }
        });
    }
    std::future::poll_fn(
        |cx| if terminate.poll_recv(cx).is_ready() { std::task::Poll::Ready(()) } else { interrupt.poll_recv(cx).map(drop) },
    )
    .await;
    for task in accepting {
        task.abort();
    }
    drop(hall);
    stop.send_modify(|stop| *stop = true);
    // Empty: nobody holds the other end.
    drop(tokio::time::timeout(GRACE, absent.recv()).await);
    Ok(())
}

/// Does what schedules ask for when it is due, and looks once a minute whether anybody has made one.
async fn run_schedules(engine: Arc<Engine>, rest: fn()) {
    loop {
        let engine = Arc::clone(&engine);
        // A failure is tried again; of one volume it hinders no other.
        let done = tokio::task::spawn_blocking(move || engine.system_run_due()).await;
        let report = done.ok().and_then(Result::ok).unwrap_or_default();
        if !report.taken.is_empty() {
            drop(tokio::task::spawn_blocking(rest).await);
        }
        let due = if report.busy { LEAST } else { until(report.next.as_deref()) };
        tokio::time::sleep(due).await;
    }
}

fn until(next: Option<&str>) -> Duration {
    next.and_then(Time::parse).map_or(LOOK, |next| {
        let nanos = u64::try_from(next.since(Time::now())).unwrap_or(0);
        Duration::from_nanos(nanos).clamp(LEAST, LOOK)
    })
}

/// Between two looks without a request in between, after there was one.
async fn rest_when_quiet(rest: fn()) {
    let (mut seen, mut rested) = (0, 0);
    loop {
        tokio::time::sleep(QUIET).await;
        let now = answered();
        if now == seen && now != rested {
            rested = now;
            drop(tokio::task::spawn_blocking(rest).await);
        }
        seen = now;
    }
}

async fn accept_unix(hall: Hall, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let hall = hall.clone();
                drop(tokio::spawn(async move {
                    if let Ok(descriptor) = stream.as_fd().try_clone_to_owned() {
                        speak(hall.engine, stream, descriptor, hall.stopping).await;
                    }
                    drop(hall.present);
                }));
            }
            Err(_error) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn accept_tcp(hall: Hall, listener: TcpListener, tls: Tls) {
    let acceptor = tokio_rustls::TlsAcceptor::from(tls.0);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(admit(hall.clone(), acceptor.clone(), stream))),
            Err(_error) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Nothing of a client is read as HTTP before its certificate was checked.
async fn admit(hall: Hall, acceptor: tokio_rustls::TlsAcceptor, stream: TcpStream) {
    let Ok(descriptor) = stream.as_fd().try_clone_to_owned() else { return };
    // Without these a stream is slower, or a client whose machine vanished is seen later.
    drop((stream.set_nodelay(true), rustix::net::sockopt::set_socket_keepalive(&stream, true)));
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        speak(hall.engine, stream, descriptor, hall.stopping).await;
    }
    drop(hall.present);
}

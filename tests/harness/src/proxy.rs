//! A TCP proxy on the loopback address: the network between one process and one server, which a test can cut, hold up or
//! slow down. No privileges are needed for that.
//!
//! A connection that is *held* is half open: nothing is closed, nothing arrives, and what was sent meanwhile arrives when
//! the path is opened again, as a packet does that was long under way.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as BlockingListener};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Everything passes.
    Open,
    /// Everything passes, each piece this much later.
    Slow(Duration),
    /// Nothing passes, nothing is closed.
    Held,
    /// Requests pass, answers do not: the server does what the client never hears of.
    AnswersHeld,
    /// Connections are closed, new ones too.
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Answers,
}

impl Path {
    fn passes(self, direction: Direction) -> bool {
        match self {
            Self::Open | Self::Slow(_) => true,
            Self::Held | Self::Cut => false,
            Self::AnswersHeld => direction == Direction::Requests,
        }
    }
}

/// One proxy; its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    path: watch::Sender<Path>,
}

impl Proxy {
    /// Takes connections at `port` and makes one to `target` for each, both on the loopback address.
    pub fn start(port: u16, target: u16) -> Result<Self> {
        let listener = BlockingListener::bind((Ipv4Addr::LOCALHOST, port)).context("cannot bind a proxy's port")?;
        listener.set_nonblocking(true)?;
        let runtime = runtime()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (path, seen) = watch::channel(Path::Open);
        runtime.spawn(serve(listener, (Ipv4Addr::LOCALHOST, target).into(), seen));
        Ok(Self { path })
    }

    /// Changes what the network does, for the connections that are there as well.
    pub fn set(&self, path: Path) {
        self.path.send_replace(path);
    }
}

/// One thread moves the bytes of all proxies.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("proxies").enable_all().build().map_err(|error| error.to_string())
    });
    runtime.as_ref().map_err(|error| anyhow::anyhow!("no thread for the proxies: {error}"))
}

async fn serve(listener: TcpListener, target: SocketAddr, mut path: watch::Receiver<Path>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(connection(client, target, path.clone()));
                }
            }
            // The proxy is dropped.
            gone = path.changed() => if gone.is_err() { return },
        }
    }
}

async fn connection(client: TcpStream, target: SocketAddr, path: watch::Receiver<Path>) {
    let mut cut = path.clone();
    tokio::select! {
        () = relay(client, target, path) => {}
        _ = cut.wait_for(|path| *path == Path::Cut) => {}
    }
}

async fn relay(client: TcpStream, target: SocketAddr, mut path: watch::Receiver<Path>) {
    if path.wait_for(|path| path.passes(Direction::Requests)).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, path.clone(), Direction::Requests) => {}
        () = pump(from_server, to_client, path, Direction::Answers) => {}
    }
}

/// Moves bytes until the source ends. A client that has gone while its requests were held is no reason to drop them: they
/// are under way, and the server gets them.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut path: watch::Receiver<Path>, direction: Direction) {
    let mut buffer = vec![0; 64 * 1024];
    let mut takes = true;
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        // The end of a connection is held up like everything else.
        let Ok(now) = path.wait_for(|path| path.passes(direction)).await.map(|path| *path) else { return };
        if read == 0 {
            return;
        }
        if let Path::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        takes = takes && to.write_all(&buffer[..read]).await.is_ok();
        if !takes && direction == Direction::Requests {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use super::*;
    use crate::ports;
    use crate::wait::HANGS_AFTER;

    const A_MOMENT: Duration = Duration::from_millis(200);

    /// A server that answers each byte with the next one, and the proxy before it.
    fn counting_server() -> (Proxy, u16) {
        let [port, target] = ports::free().unwrap();
        let listener = BlockingListener::bind((Ipv4Addr::LOCALHOST, target)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&[byte[0] + 1]).is_ok() {}
                });
            }
        });
        (Proxy::start(port, target).unwrap(), port)
    }

    fn client(port: u16) -> TcpStream {
        let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), HANGS_AFTER).unwrap();
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        stream
    }

    fn answer(stream: &mut TcpStream) -> std::io::Result<u8> {
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    }

    #[test]
    fn bytes_pass_both_ways() {
        let (_proxy, port) = counting_server();
        let mut stream = client(port);
        stream.write_all(&[7]).unwrap();
        assert_eq!(answer(&mut stream).unwrap(), 8);
    }

    #[test]
    fn what_is_held_arrives_when_the_path_is_open_again() {
        let (proxy, port) = counting_server();
        let mut stream = client(port);
        for path in [Path::Held, Path::AnswersHeld] {
            proxy.set(path);
            stream.write_all(&[1]).unwrap();
            stream.set_read_timeout(Some(A_MOMENT)).unwrap();
            assert_eq!(answer(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock);
            stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
            proxy.set(Path::Open);
            assert_eq!(answer(&mut stream).unwrap(), 2);
        }
    }

    #[test]
    fn a_cut_path_closes_old_and_new_connections_and_can_be_mended() {
        let (proxy, port) = counting_server();
        let mut stream = client(port);
        stream.write_all(&[1]).unwrap();
        answer(&mut stream).unwrap();
        proxy.set(Path::Cut);
        let ended = |error: std::io::Error| error.kind() != ErrorKind::WouldBlock;
        assert!(answer(&mut stream).is_err_and(ended));
        assert!(answer(&mut client(port)).is_err_and(ended));
        proxy.set(Path::Slow(Duration::from_millis(1)));
        let mut stream = client(port);
        stream.write_all(&[3]).unwrap();
        assert_eq!(answer(&mut stream).unwrap(), 4);
    }

    #[test]
    fn requests_of_a_client_that_has_gone_still_reach_the_server() {
        let [port, target] = ports::free().unwrap();
        let listener = BlockingListener::bind((Ipv4Addr::LOCALHOST, target)).unwrap();
        let proxy = Proxy::start(port, target).unwrap();
        let mut stream = client(port);
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        proxy.set(Path::Held);
        stream.write_all(b"late").unwrap();
        drop(stream);
        proxy.set(Path::Open);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "late");
    }
}

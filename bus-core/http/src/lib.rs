//! An HTTP server on a thread of its own.
//!
//! The roles run on plain OS threads and never meet an async runtime. Whoever has something to say over HTTP hands its routes to [`HttpServer::start`], which
//! listens at once, so that a taken address is an error at the start, and serves on a thread with a small runtime of its own. A role that is busy or blocked
//! still answers.
//!
//! ```no_run
//! # fn main() -> Result<(), barid_http::HttpError> {
//! let routes = axum::Router::new().route("/", axum::routing::get(|| async { "salaam" }));
//! let server = barid_http::HttpServer::start("greeting", "127.0.0.1:0", routes)?;
//! println!("{}", server.url());
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: TLS, authentication, limits on requests. The routes set their own limits; TLS and authentication are the business of whatever stands
//! in front.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

/// How long open answers may take after a stop; then the server ends without them. A role has five seconds altogether.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("`{address}` is not an address to listen at; write `host:port`, for example `127.0.0.1:8081`")]
    Address { address: String },
    #[error("cannot listen at `{address}`")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("the thread of the HTTP server could not be started")]
    Thread(#[source] io::Error),
}

/// Starts servers.
#[derive(Debug)]
pub struct HttpServer;

impl HttpServer {
    /// Listens at `address` (`host:port`; port 0 lets the system choose) and answers until the returned handle is stopped or dropped. The thread is
    /// called `barid-<name>`.
    ///
    /// # Errors
    ///
    /// The address is none, is taken, or no thread can be had.
    pub fn start(name: &str, address: &str, routes: Router) -> Result<Running, HttpError> {
        let listener = listen(address)?;
        let bound = listener.local_addr().map_err(|source| listen_error(address, source))?;
        listener.set_nonblocking(true).map_err(|source| listen_error(address, source))?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::Thread)?;
        let thread = std::thread::Builder::new()
            .name(format!("barid-{name}"))
            .spawn(move || runtime.block_on(serve(listener, routes, stopped)))
            .map_err(HttpError::Thread)?;
        Ok(Running { address: bound, stop: Some(stop), thread: Some(thread) })
    }
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it and waits until its thread has ended, about a second at most.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: &str) -> Result<TcpListener, HttpError> {
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|_| HttpError::Address { address: address.to_owned() })?.collect();
    TcpListener::bind(resolved.as_slice()).map_err(|source| listen_error(address, source))
}

fn listen_error(address: &str, source: io::Error) -> HttpError {
    HttpError::Listen { address: address.to_owned(), source }
}

async fn serve(listener: TcpListener, routes: Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "nothing can be served over HTTP");
            return;
        }
    };
    let (begin, begun) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        let _ = begun.await;
    });
    let limit = async move {
        let _ = stopped.await;
        let _ = begin.send(());
        tokio::time::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        _ = server.into_future() => {}
        () = limit => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use axum::routing::get;

    use super::*;

    fn greeting() -> Router {
        Router::new().route("/", get(|| async { "salaam" }))
    }

    #[test]
    fn a_stopped_server_frees_its_address_and_a_taken_one_is_an_error() {
        let first = HttpServer::start("test", "127.0.0.1:0", greeting()).unwrap();
        let address = first.address().to_string();
        let taken = HttpServer::start("test", &address, greeting()).unwrap_err();
        assert_eq!(taken.to_string(), format!("cannot listen at `{address}`"));
        first.stop();
        HttpServer::start("test", &address, greeting()).unwrap().stop();
        let nonsense = HttpServer::start("test", "nowhere", greeting()).unwrap_err();
        assert!(matches!(nonsense, HttpError::Address { .. }), "{nonsense}");
    }

    #[test]
    fn an_answer_that_never_comes_does_not_hold_the_end_up() {
        let routes = Router::new().route("/", get(std::future::pending::<()>));
        let server = HttpServer::start("test", "127.0.0.1:0", routes).unwrap();
        let mut stream = TcpStream::connect_timeout(&server.address(), 60 * STOP_LIMIT).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
        let stopped = std::time::Instant::now();
        server.stop();
        // How soon is in its limit; here only that it ends, on however busy a machine.
        assert!(stopped.elapsed() < 60 * STOP_LIMIT, "{:?}", stopped.elapsed());
        let mut rest = String::new();
        let _ = stream.read_to_string(&mut rest);
        assert_eq!(rest, "");
    }
}

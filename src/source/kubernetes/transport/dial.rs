//! Owns how a connection to an API server is made: directly or through a proxy, with or without TLS.

use crate::source::kubernetes::kubeconfig::{Proxy, ProxyKind, Server};
use base64::Engine as _;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt as _};

/// Time limit of a connection, with all that a proxy and TLS add to it.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest answer of a proxy.
const HEAD: usize = 16 << 10;

type Error = Box<dyn std::error::Error + Send + Sync>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections to one API server.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) server: Arc<Server>,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The name that the server's certificate must have.
    pub(super) server_name: Option<String>,
    pub(super) tls: Arc<ClientConfig>,
}

impl Dialer {
    /// User and password for a proxy that sees the requests themselves, because the server has no TLS.
    pub(super) fn proxy_authorization(&self) -> Option<String> {
        self.proxy.as_ref().filter(|proxy| self.forwards(proxy)).and_then(|proxy| basic(proxy))
    }

    /// Whether the proxy is sent the requests, and not a tunnel.
    fn forwards(&self, proxy: &Proxy) -> bool {
        proxy.kind != ProxyKind::Socks && !self.server.is_tls()
    }

    async fn connect(self) -> Result<Io, Error> {
        let stream = match self.proxy.clone() {
            None => tcp(self.server.host(), self.server.port()).await?,
            Some(proxy) => {
                let failed = |why: Error| -> Error { format!("the proxy {}: {}", proxy.shown(), causes(&*why)).into() };
                self.through(&proxy).await.map_err(failed)?
            }
        };
        let forwarded = self.proxy.as_ref().is_some_and(|proxy| self.forwards(proxy));
        let stream =
            if self.server.is_tls() { self.tls(stream, self.server.host(), self.tls.clone()).await? } else { stream };
        Ok(Io { stream: TokioIo::new(stream), forwarded })
    }

    async fn through(&self, proxy: &Proxy) -> Result<Box<dyn Stream>, Error> {
        let stream = tcp(&proxy.host, proxy.port).await?;
        let stream = if proxy.kind == ProxyKind::Https {
            // Whatever is spoken with the server, a proxy is told `CONNECT` by HTTP/1.1.
            let mut tls = ClientConfig::clone(&self.tls);
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            self.tls(stream, &proxy.host, Arc::new(tls)).await?
        } else {
            stream
        };
        match proxy.kind {
            ProxyKind::Socks => socks(stream, proxy, self.server.host(), self.server.port()).await,
            _ if self.forwards(proxy) => Ok(stream),
            _ => tunnel(stream, proxy, &self.server).await,
        }
    }

    async fn tls(&self, stream: Box<dyn Stream>, host: &str, tls: Arc<ClientConfig>) -> Result<Box<dyn Stream>, Error> {
        let name = self.server_name.as_deref().unwrap_or(host).trim_end_matches('.').to_owned();
        let name = ServerName::try_from(name)?;
        Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
    }
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    crate::source::causes(error).join(": ")
}

async fn tcp(host: &str, port: u16) -> Result<Box<dyn Stream>, Error> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(30)));
    let uri = Uri::builder().scheme("http").authority(authority).path_and_query("/").build()?;
    Ok(Box::new(connector.ready().await?.call(uri).await?.into_inner()))
}

fn basic(proxy: &Proxy) -> Option<String> {
    let (user, password) = proxy.basic.as_ref()?;
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))))
}

/// `CONNECT`, for a proxy that speaks HTTP.
async fn tunnel(mut stream: Box<dyn Stream>, proxy: &Proxy, server: &Server) -> Result<Box<dyn Stream>, Error> {
    let host = server.url.host().unwrap_or_default();
    let to = format!("{host}:{}", server.port());
    let authorization = basic(proxy).map(|basic| format!("Proxy-Authorization: {basic}\r\n")).unwrap_or_default();
    stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{authorization}\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte, because what follows belongs to the server.
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some(status) if line.starts_with("HTTP/1.") && status.starts_with('2') => Ok(stream),
        _ => Err(format!("it answered \"{line}\"").into()),
    }
}

/// RFC 1928 and, for the password, RFC 1929. The proxy gets the host's name, and not its address.
async fn socks(mut stream: Box<dyn Stream>, proxy: &Proxy, host: &str, port: u16) -> Result<Box<dyn Stream>, Error> {
    const NAMES: [&str; 9] = [
        "it succeeded",
        "it failed",
        "it does not allow the connection",
        "the network is unreachable",
        "the host is unreachable",
        "the connection was refused",
        "the connection took too long",
        "it does not know the command",
        "it does not know the kind of address",
    ];
    let methods: &[u8] = if proxy.basic.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(methods).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    match (chosen, &proxy.basic) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let field = |text: &str| Ok::<_, Error>([&[u8::try_from(text.len())?], text.as_bytes()].concat());
            stream.write_all(&[&[1][..], &field(user)?, &field(password)?].concat()).await?;
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await?;
            if answer[1] != 0 {
                return Err("it did not accept the user and the password".into());
            }
        }
        ([5, 2 | 255], _) => return Err("it demands a user and a password; add them to its address".into()),
        _ => return Err("it does not speak SOCKS 5".into()),
    }
    let address = match host.parse() {
        Ok(std::net::IpAddr::V4(ip)) => [&[1][..], &ip.octets()].concat(),
        Ok(std::net::IpAddr::V6(ip)) => [&[4][..], &ip.octets()].concat(),
        Err(_) => [&[3, u8::try_from(host.len())?], host.as_bytes()].concat(),
    };
    stream.write_all(&[&[5, 1, 0], &address[..], &port.to_be_bytes()].concat()).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(NAMES.get(usize::from(answer[1])).copied().unwrap_or("it failed").into());
    }
    let rest = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await?),
    };
    stream.read_exact(&mut vec![0; rest + 2]).await?;
    Ok(stream)
}

impl Service<Uri> for Dialer {
    type Response = Io;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Io, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting = self.clone().connect();
        Box::pin(async {
            let late = |_| -> Error { format!("there was no connection within {} s", CONNECT.as_secs()).into() };
            tokio::time::timeout(CONNECT, connecting).await.map_err(late)?
        })
    }
}

/// A connection.
pub(super) struct Io {
    stream: TokioIo<Box<dyn Stream>>,
    forwarded: bool,
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        // A proxy that is sent the requests needs their whole address.
        Connected::new().proxy(self.forwarded)
    }
}

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }
}

//! Owns what stands before a fake API server: TLS with any certificate, client certificates, HTTP/2; and proxies.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use std::{
    collections::BTreeSet,
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    thread,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

/// Something that listens. It ends when it is dropped.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    /// The client certificates that were shown.
    clients: Arc<Mutex<BTreeSet<Vec<u8>>>>,
    _over: oneshot::Sender<()>,
}

/// TLS as a server has it.
#[derive(Clone)]
pub(crate) struct Tls {
    /// PEM: the certificate and those between it and an authority.
    pub(crate) chain: String,
    /// PEM.
    pub(crate) key: String,
    /// PEM of the authority of clients; none: clients need no certificate.
    pub(crate) clients: Option<String>,
    /// What it speaks; none: it ignores what the client says that it speaks.
    pub(crate) protocols: Vec<&'static str>,
    /// Whether it speaks HTTP/2 also if nothing was agreed, as a server with OpenSSL does that knows nothing else.
    pub(crate) insists: bool,
}

impl Front {
    /// A server of TLS before this one.
    pub(crate) fn tls(ip: IpAddr, tls: &Tls, behind: SocketAddr) -> Self {
        let acceptor = tls.acceptor();
        let insists = tls.insists;
        let clients = Arc::<Mutex<BTreeSet<_>>>::default();
        let shown = clients.clone();
        let front = Self::listen(ip, move |stream| {
            let (acceptor, shown) = (acceptor.clone(), shown.clone());
            async move {
                let stream = acceptor.accept(stream).await.ok()?;
                if let Some([first, ..]) = stream.get_ref().1.peer_certificates() {
                    shown.lock().ok()?.insert(first.to_vec());
                }
                match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => http2(stream, behind).await,
                    None if insists => http2(stream, behind).await,
                    _ => pass(stream, behind).await,
                }
            }
        });
        Self { clients, ..front }
    }

    /// How many client certificates were shown.
    pub(crate) fn clients(&self) -> usize {
        self.clients.lock().expect("the certificates").len()
    }

    /// A proxy that speaks HTTP, over TLS if there is any, and brings every request to `behind`, whatever it names.
    pub(crate) fn http_proxy(ip: IpAddr, tls: Option<&Tls>, login: Option<&str>, behind: SocketAddr) -> Self {
        use base64::Engine as _;
        let acceptor = tls.map(Tls::acceptor);
        let wanted = login.map(|login| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login)));
        Self::listen(ip, move |stream| {
            let (acceptor, wanted) = (acceptor.clone(), wanted.clone());
            async move {
                match acceptor {
                    Some(acceptor) => proxied(acceptor.accept(stream).await.ok()?, wanted, behind).await,
                    None => proxied(stream, wanted, behind).await,
                }
            }
        })
    }

    /// A proxy that speaks SOCKS 5, and also brings everything to `behind`.
    pub(crate) fn socks(ip: IpAddr, login: Option<(&str, &str)>, behind: SocketAddr) -> Self {
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        Self::listen(ip, move |stream| socks(stream, login.clone(), behind))
    }

    fn listen<F>(ip: IpAddr, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((ip, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let (over, is_over) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                let accepting = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serve(stream));
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = is_over => {}
                }
            });
        });
        Self { address, clients: Arc::default(), _over: over }
    }
}

impl Tls {
    /// With a certificate, and without client certificates.
    pub(crate) fn new(chain: &str, key: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            clients: None,
            protocols: vec!["http/1.1"],
            insists: false,
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let certificates = |pem: &str| {
            CertificateDer::pem_slice_iter(pem.as_bytes()).map(|it| it.expect("a certificate")).collect::<Vec<_>>()
        };
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(authority));
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let mut config = builder.with_single_cert(certificates(&self.chain), key).expect("a certificate and its key");
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn pass(mut stream: impl AsyncRead + AsyncWrite + Unpin, behind: SocketAddr) -> Option<()> {
    let mut server = TcpStream::connect(behind).await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok().map(|_| ())
}

/// Answers HTTP/2 with what the server behind says by HTTP/1.1.
async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin, behind: SocketAddr) -> Option<()> {
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let server = TcpStream::connect(behind).await.ok()?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(server)).await.ok()?;
            tokio::spawn(connection);
            let (mut head, _) = request.into_parts();
            head.version = http::Version::HTTP_11;
            let host = head.uri.authority().map_or_else(String::new, ToString::to_string);
            head.headers.insert("host", host.parse().ok()?);
            head.uri = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse().ok()?;
            let request = http::Request::from_parts(head, http_body_util::Empty::<Bytes>::new());
            let (mut head, body) = sender.send_request(request).await.ok()?.into_parts();
            head.version = http::Version::HTTP_2;
            head.headers.remove("transfer-encoding");
            let mut out = respond.send_response(http::Response::from_parts(head, ()), false).ok()?;
            let whole = body.collect().await.ok()?.to_bytes();
            out.send_data(whole, true).ok()
        });
    }
    Some(())
}

async fn proxied(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    wanted: Option<String>,
    behind: SocketAddr,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let authorization = head
        .lines()
        .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization")));
    if wanted.is_some() && authorization.map(|(_, value)| value) != wanted.as_deref() {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
        return stream.shutdown().await.ok();
    }
    if head.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        return pass(stream, behind).await;
    }
    // A request for a server without TLS comes as it is, with its whole address.
    let mut server = TcpStream::connect(behind).await.ok()?;
    server.write_all(head.as_bytes()).await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok().map(|_| ())
}

async fn socks(mut stream: TcpStream, login: Option<(String, String)>, behind: SocketAddr) -> Option<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).await.ok()?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 255]).await.ok();
    }
    stream.write_all(&[5, method]).await.ok()?;
    if let Some((user, password)) = login {
        stream.read_u8().await.ok()?;
        let mut given = Vec::new();
        for _ in 0..2 {
            let mut text = vec![0; stream.read_u8().await.ok()?.into()];
            stream.read_exact(&mut text).await.ok()?;
            given.push(String::from_utf8(text).ok()?);
        }
        let is_right = given == [user, password];
        stream.write_all(&[1, u8::from(!is_right)]).await.ok()?;
        if !is_right {
            return None;
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.ok()?;
    let length = match request[3] {
        1 => 4,
        4 => 16,
        _ => stream.read_u8().await.ok()?.into(),
    };
    stream.read_exact(&mut vec![0; length + 2]).await.ok()?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    pass(stream, behind).await
}

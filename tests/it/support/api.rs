//! Owns the fake API server: HTTP/1.1 on loopback, one thread a connection, answers by path. It
//! notes every request and how it ended, and can do to an answer what networks and servers do.

use super::HANG;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a stalled answer looks whether its client has left.
const LOOK: Duration = Duration::from_millis(20);

/// A request, as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// How many requests for the same target came before.
    pub(crate) earlier: usize,
    pub(crate) at: Instant,
    /// How it ended; none while it is answered.
    pub(crate) fate: Option<Fate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The answer was sent as far as it was meant to go.
    Answered,
    /// The client closed the connection before.
    ClientLeft,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// The namespace, pod and container of a request for a log, and whether for the previous one.
    pub(crate) fn log(&self) -> Option<(&str, &str, &str, bool)> {
        let rest = self.path.strip_prefix("/api/v1/namespaces/")?.strip_suffix("/log")?;
        let (namespace, pod) = rest.split_once("/pods/")?;
        Some((namespace, pod, self.parameter("container"), self.parameter("previous") == "true"))
    }

    /// Whether only the log file's beginning is asked for.
    pub(crate) fn asks_beginning(&self) -> bool {
        self.query.contains_key("limitBytes")
    }
}

/// A part of an answer's body.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The same bytes so many times.
    Times(u64, Vec<u8>),
    /// The same bytes until the client leaves.
    Forever(Vec<u8>),
    /// Nothing for this long.
    Pause(Duration),
    /// Opens the gate: all before it was handed to the network.
    Opens(Gate),
    /// Nothing until the test opens the gate.
    Until(Gate),
    /// Nothing until the client leaves.
    Stall,
    /// The connection is reset.
    Reset,
}

/// Something that a test lets happen, or waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn wait(&self) {
        let began = Instant::now();
        while !self.is_open() {
            assert!(began.elapsed() < HANG, "a gate stayed shut");
            thread::sleep(LOOK);
        }
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<Piece>,
    whole: bool,
}

impl Reply {
    /// A body in pieces, sent in chunks.
    pub(crate) fn pieces(body: impl IntoIterator<Item = Piece>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into_iter().collect(), whole: false }
    }

    pub(crate) fn text(body: impl Into<Vec<u8>>) -> Self {
        Self { whole: true, ..Self::pieces([Piece::Bytes(body.into())]) }.header("content-type", "text/plain")
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self { whole: true, ..Self::pieces([Piece::Bytes(value.to_string().into_bytes())]) }
            .header("content-type", "application/json")
    }

    /// A refusal, as the API server words it.
    pub(crate) fn status(code: u16, reason: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Self { status: code, ..Self::json(&body) }
    }

    pub(crate) fn forbidden() -> Self {
        Self::status(403, "Forbidden", "User \"jane\" may not do this")
    }

    /// No answer: the connection is closed.
    pub(crate) fn none() -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new(), whole: true }
    }

    /// Whether it is a page for people.
    pub(crate) fn is_page(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "content-type" && value == "text/html")
    }

    pub(crate) fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), whole: true }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

type Handler = Box<dyn Fn(&Asked) -> Option<Reply> + Send + Sync>;

#[derive(Default)]
struct Shared {
    /// The last one that was added is asked first.
    handlers: Mutex<Vec<Arc<Handler>>>,
    asked: Mutex<Vec<Asked>>,
    changed: Condvar,
    is_over: AtomicBool,
}

/// The server. It ends when it is dropped.
pub(crate) struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Api {
    /// A server that answers by `handler`, and 404 where that has no answer.
    pub(crate) fn new(handler: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = serving.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        let api = Self { address, shared };
        api.on(handler);
        api
    }

    /// Asks `handler` before all others from now on; what it has no answer for goes on to them.
    pub(crate) fn on(&self, handler: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) {
        lock(&self.shared.handlers).push(Arc::new(Box::new(handler)));
    }

    /// Answers one path, whatever its query.
    pub(crate) fn on_path(&self, path: &str, reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        let path = path.to_owned();
        self.on(move |asked| (asked.path == path).then(|| reply(asked)));
    }

    /// Answers requests for a log, but not those for its beginning.
    pub(crate) fn on_log(&self, pod: &str, previous: bool, reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        let pod = pod.to_owned();
        self.on(move |asked| {
            let (_, name, _, is_previous) = asked.log()?;
            (name == pod && is_previous == previous && !asked.asks_beginning()).then(|| reply(asked))
        });
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// Those for one path.
    pub(crate) fn asked_for(&self, path: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path == path).collect()
    }

    /// Waits until the requests are as `wanted` says.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&[Asked]) -> bool) {
        let asked = lock(&self.shared.asked);
        let (asked, waited) = self
            .shared
            .changed
            .wait_timeout_while(asked, HANG, |asked| !wanted(asked))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited for {what}; the requests were {asked:#?}");
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let Ok(mut out) = stream.try_clone() else { return };
    let _ = out.set_nodelay(true);
    let mut input = BufReader::new(stream);
    while let Some(mut asked) = read_head(&mut input) {
        let number = {
            let mut all = lock(&shared.asked);
            asked.earlier = all.iter().filter(|other| other.target == asked.target).count();
            all.push(asked.clone());
            shared.changed.notify_all();
            all.len() - 1
        };
        let handlers: Vec<_> = lock(&shared.handlers).iter().rev().cloned().collect();
        let reply = handlers.iter().find_map(|handler| handler(&asked));
        let reply = reply.unwrap_or_else(|| Reply::status(404, "NotFound", "the fake server has no such thing"));
        let sent = send(&mut out, reply, shared);
        let fate = if sent.is_some() { Fate::Answered } else { Fate::ClientLeft };
        lock(&shared.asked)[number].fate = Some(fate);
        shared.changed.notify_all();
        if sent != Some(true) {
            return;
        }
    }
}

/// `None` when the client has left, otherwise whether the connection is still good.
fn send(out: &mut TcpStream, reply: Reply, shared: &Shared) -> Option<bool> {
    if reply.status == 0 {
        return Some(false);
    }
    let mut head = format!("HTTP/1.1 {} Fake\r\n", reply.status);
    reply.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    match (&reply.body[..], reply.whole) {
        ([Piece::Bytes(bytes)], true) => {
            head.push_str(&format!("content-length: {}\r\n\r\n", bytes.len()));
            out.write_all(head.as_bytes()).ok()?;
            out.write_all(bytes).ok()?;
            return Some(true);
        }
        ([], _) => {
            head.push_str(if reply.status == 204 { "\r\n" } else { "content-length: 0\r\n\r\n" });
            out.write_all(head.as_bytes()).ok()?;
            return Some(true);
        }
        _ => head.push_str("transfer-encoding: chunked\r\n\r\n"),
    }
    out.write_all(head.as_bytes()).ok()?;
    for piece in reply.body {
        match piece {
            Piece::Bytes(bytes) => chunk(out, &bytes)?,
            Piece::Times(times, bytes) => (0..times).try_for_each(|_| chunk(out, &bytes))?,
            Piece::Forever(bytes) => loop {
                chunk(out, &bytes)?;
            },
            Piece::Pause(length) => {
                let until = Instant::now() + length;
                stay(out, shared, || Instant::now() >= until)?;
            }
            Piece::Opens(gate) => gate.open(),
            Piece::Until(gate) => stay(out, shared, || gate.is_open())?,
            Piece::Stall => {
                stay(out, shared, || false)?;
            }
            Piece::Reset => {
                let _ = socket2::SockRef::from(&*out).set_linger(Some(Duration::ZERO));
                return Some(false);
            }
        }
    }
    out.write_all(b"0\r\n\r\n").ok()?;
    Some(true)
}

fn chunk(out: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let framed = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    out.write_all(&framed).ok()
}

/// Waits until `is_done`, or gives `None` when the client leaves or the server ends.
fn stay(out: &TcpStream, shared: &Shared, is_done: impl Fn() -> bool) -> Option<()> {
    out.set_read_timeout(Some(LOOK)).ok()?;
    while !is_done() {
        let mut byte = [0];
        match out.peek(&mut byte) {
            Ok(0) => return None,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
            // The client never sends the next request before this answer's end.
            Ok(_) => thread::sleep(LOOK),
        }
        if shared.is_over.load(Ordering::Acquire) {
            return None;
        }
    }
    out.set_read_timeout(None).ok()
}

fn read_head(input: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    // No request of ours has a body; one that has is read, so that the next is found.
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    input.take(length).read_to_end(&mut Vec::new()).ok()?;
    // A proxy that is sent the requests themselves is sent whole addresses.
    let target = match target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..])) {
        Some(path) => path.to_owned(),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = path.to_owned();
    Some(Asked { method, path, query, headers, earlier: 0, at: Instant::now(), fate: None, target })
}

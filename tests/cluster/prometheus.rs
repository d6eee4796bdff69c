//! Owns real servers: Prometheus, which `tests/cluster/build prometheus` makes, and what is or stands before one.
//! A test starts them on a free port, and they go when it does.

use crate::kubernetes::until;
use kubectl_escalate::promql::Samples;
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// One that runs.
pub(crate) struct Prometheus {
    pub(crate) server: Server,
    _folder: TempDir,
}

/// A process that answers by HTTP, and goes when this does.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Server {
    /// Starts a program that listens at `address`, and waits until it answers `path` with 200.
    pub(crate) fn start(command: &mut Command, address: &str, path: &str) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|why| panic!("{name} must be in PATH: {why}"));
        let server = Self { child, address: address.to_owned() };
        until(&format!("{name} is ready"), Duration::from_secs(60), || match server.send("GET", path, "", b"") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        server
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address)?;
        // The older version ends the answer by closing, so that nothing of it is to be parsed.
        let head = format!("{method} {path} HTTP/1.0\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let code = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((code.unwrap_or_default(), answer.split_off(end + 4)))
    }

    /// The data of an answer of the API of Prometheus, or its error.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        let (_, said) = self.send("POST", path, headers, form.as_bytes()).map_err(|why| why.to_string())?;
        let mut answer: Value = serde_json::from_slice(&said).map_err(|why| why.to_string())?;
        match answer["status"] == "success" {
            true => Ok(answer["data"].take()),
            false => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port of an address of this machine.
pub(crate) fn free(ip: &str) -> String {
    let free = TcpListener::bind((ip, 0)).and_then(|socket| socket.local_addr());
    free.expect("a free port").to_string()
}

impl Prometheus {
    /// Starts one that has nothing yet, and takes what is written to it.
    pub(crate) fn start() -> Self {
        Self::of(&free("127.0.0.1"), "global: {}\n", tempfile::tempdir().expect("a folder"))
    }

    /// Starts one at an address, with this configuration, whose samples lie in `data` in a folder.
    pub(crate) fn of(address: &str, config: &str, folder: TempDir) -> Self {
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("its configuration");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--web.enable-remote-write-receiver");
        Self { server: Server::start(&mut command, address, "/-/ready"), _folder: folder }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Writes samples, by the protocol of its remote write receiver.
    pub(crate) fn write(&self, samples: &Samples) {
        let mut request = Vec::new();
        for series in samples.series() {
            let mut message = Vec::new();
            for (name, value) in series.labels.iter() {
                let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
                message.extend(field(1, &label));
            }
            for point in &series.points {
                let at = varint(u64::try_from(point.at).expect("after 1970"));
                let sample = [&[1 << 3 | 1][..], &point.value.to_le_bytes(), &[2 << 3], &at].concat();
                message.extend(field(2, &sample));
            }
            request.extend(field(1, &message));
        }
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        let (code, said) = self.server.send("POST", "/api/v1/write", headers, &snappy(&request)).expect("an answer");
        assert_eq!(code, 204, "{}", String::from_utf8_lossy(&said));
    }

    /// What it answers to a query of its API: the data, or its error.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        self.server.ask(path, parameters)
    }
}

/// A field of a protobuf message that has a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A Snappy block of literals alone, which every reader of Snappy reads.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = varint(bytes.len() as u64);
    for literal in bytes.chunks(1 << 16) {
        let length = u16::try_from(literal.len() - 1).expect("at most 64 KiB");
        block.push(61 << 2);
        block.extend(length.to_le_bytes());
        block.extend_from_slice(literal);
    }
    block
}

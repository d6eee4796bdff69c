//! Streams: the same whatever the chunks, whatever the length.

use super::{
    redacted, redactor,
    samples::{base64, jws, jws_parts, private_pem, word},
};

/// `input` through a stream, in chunks of these sizes over and over.
pub(super) fn streamed(input: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut stream = redactor().stream();
    let mut out = Vec::new();
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).clamp(1, rest.len()));
        out.extend_from_slice(stream.push(chunk).as_bytes());
        rest = tail;
    }
    let (last, _) = stream.finish();
    out.extend_from_slice(last.as_bytes());
    out
}

#[test]
fn empty_and_tiny() {
    assert_eq!(streamed(b"", &[1]), b"");
    assert_eq!(streamed(b"\n", &[1]), b"\n");
    assert_eq!(streamed(b"a", &[1]), b"a");
    assert_eq!(streamed(b"a\n\nb", &[1]), b"a\n\nb");
}

#[test]
fn what_is_ready_comes_out_at_once() {
    let mut stream = redactor().stream();
    assert_eq!(stream.push(b"one\ntwo").as_bytes(), b"one\n");
    assert_eq!(stream.push(b" three\nfour").as_bytes(), b"two three\n");
    let (rest, counts) = stream.finish();
    assert_eq!(rest.as_bytes(), b"four");
    assert!(counts.is_empty());
}

#[test]
fn little_is_held_back() {
    let line = format!("{{\"level\":\"info\",\"msg\":\"{}\"}}", "nothing ".repeat(100));
    for text in [format!("{line}\n").repeat(4000), line.repeat(4000), "a".repeat(3 << 20), private_pem().repeat(5000)] {
        let mut stream = redactor().stream();
        let (mut read, mut written) = (0, 0);
        for chunk in text.as_bytes().chunks(10_000) {
            read += chunk.len();
            written += stream.push(chunk).len();
            assert!(read < written * 6 + 400_000, "{read} bytes in, {written} out");
        }
    }
}

/// A line of `length` bytes with `secret` at `at`.
fn long_line(length: usize, at: usize, secret: &str) -> String {
    let filler = r#"{"level":"debug","key_id":"abc","msg":"nothing to see, token count 5"},"#;
    let mut line = filler.repeat(length / filler.len() + 1);
    line.truncate(length);
    line.insert_str(at, secret);
    line
}

#[test]
fn secrets_on_the_seams_of_long_lines() {
    let [_, _, signature] = jws_parts();
    let password = word(1, 24);
    let pem = private_pem();
    let url = format!(" postgres://bob:{password}@db/x ");
    let token = format!(r#" {} "password":"{password}" {} --token {password} {url}"#, jws(), pem.replace('\n', "\\n"));
    for at in (90_000..150_000).step_by(977).chain((1_000_000..1_040_000).step_by(9001)) {
        let line = long_line(at + 140_000, at, &token);
        let clean = streamed(line.as_bytes(), &[65536]);
        let clean = String::from_utf8_lossy(&clean);
        assert!(!clean.contains(&password) && !clean.contains(&signature), "at {at}");
        assert!(!clean.contains(&pem.lines().nth(1).expect("a body")[..24]), "at {at}");
        let start = clean.find('<').expect("a token");
        let short = redacted(&token);
        let first = short.find('<').expect("a token");
        assert_eq!(clean[start..start + 36], short[first..first + 36], "at {at}");
    }
}

#[test]
fn a_line_of_many_megabytes() {
    let password = word(1, 24);
    let mut line = long_line(12 << 20, 7 << 20, &format!(r#""client_secret":"{password}""#));
    line.push_str("\npassword=halibut\n");
    let clean = streamed(line.as_bytes(), &[65536]);
    assert_eq!(clean, streamed(line.as_bytes(), &[1 << 20]));
    let clean = String::from_utf8_lossy(&clean);
    assert!(!clean.contains(&password) && !clean.contains("halibut"));
    assert_eq!(
        clean.len(),
        line.len() + clean.matches('<').map(str::len).sum::<usize>() * 35 - password.len() - "halibut".len()
    );
}

#[test]
fn a_secret_longer_than_any_window() {
    let huge = word(2, 1 << 20);
    let body = base64(huge.as_bytes());
    for (before, after) in [
        ("password=", " left"),
        (r#"{"password":""#, r#"","x":"left"}"#),
        (r#"{\"password\":\""#, r#"\",\"x\":\"left\"}"#),
        ("Authorization: Bearer ", ""),
        ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY----- left"),
        ("glpat-", " left"),
    ] {
        let text = format!("first\nx {before}{body}{after}\nlast\n");
        let clean = streamed(text.as_bytes(), &[65536]);
        assert_eq!(clean, streamed(text.as_bytes(), &[7001]));
        let clean = String::from_utf8_lossy(&clean);
        assert!(clean.len() < 200, "{before}: {} bytes left", clean.len());
        assert!(clean.starts_with("first\nx ") && clean.ends_with(&format!("{after}\nlast\n")), "{clean}");
        assert_eq!(redacted(&clean), clean);
    }
}

#[test]
fn hostile_input_stays_linear() {
    let started = std::time::Instant::now();
    for unit in [
        "eyJ",
        "eyJhbGciOiJ9",
        "eyJhbGciOiJ9.",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "password=",
        "\"password\":\"",
        "\"kty\"",
        "{\"kty\"",
        "\"kty\":{",
        "@",
        "://a:b",
        "x://a:b@",
        "://",
        "MII",
        "MIIEIBADA",
        "AgEA",
        "<",
        "\\",
        "\\\"",
        "bearer ",
        "Bearer eyJ",
        "--token ",
        "[",
        "{\"token\":[\"",
        "token:",
        "key",
        "UFJJVkFURSBLRVkt",
        "authorization: ",
        "cookie: a=",
        "cookie: a=\"",
        "cookie: a=\"b\";",
        "authorization: digest a=\\\"",
        "authorization: basic a=\"b\", ",
        "sig=",
        "\"name\":\"token\",",
        "token\\\\\\\\",
        "password=,",
        "\"auth\":\"",
        "<password>",
    ] {
        let text = unit.repeat((1 << 18) / unit.len());
        let clean = streamed(text.as_bytes(), &[65536]);
        assert!(clean.len() < text.len() * 12, "{unit} grew");
        let lines = format!("{unit}\n").repeat((1 << 16) / unit.len());
        streamed(lines.as_bytes(), &[65536]);
        assert!(started.elapsed().as_secs() < 100, "{unit} takes too long");
    }
}

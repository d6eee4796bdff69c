//! Private keys, in every form they are met in.

use super::{
    hex, redacted, redactor,
    samples::{CERTIFICATE, base64, bodies, der_digits, noise, pem, private_keys, private_pem},
};

/// Checks that no line of `pem`'s body is left in `text` redacted, that there is
/// one key, and that redaction leaves what it wrote alone.
#[track_caller]
fn replaces(text: &str, pem: &str) -> String {
    let (clean, counts) = redactor().string(text);
    for body in bodies(pem) {
        assert!(!clean.contains(&body[..body.len().min(24)]), "{body} is left in {clean}");
    }
    assert_eq!(counts.iter().collect::<Vec<_>>(), [("private-key", 1)], "{clean}");
    assert_eq!(clean.lines().count(), text.lines().count(), "{clean}");
    assert_eq!(redacted(&clean), clean, "not stable");
    clean
}

#[test]
fn over_many_lines() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        let clean = replaces(&format!("before\n{pem}after\n"), &pem);
        assert!(clean.starts_with(&format!("before\n-----BEGIN {label}-----\n<private-key:")), "{clean}");
        assert!(clean.ends_with(&format!("\n-----END {label}-----\nafter\n")), "{clean}");
    }
}

#[test]
fn in_logs_with_timestamps() {
    let pem = private_pem();
    let lines = |prefix: &str, suffix: &str| {
        let text: Vec<_> =
            pem.lines().map(|line| format!("2026-11-22T15:42:00.123456789Z {prefix}{line}{suffix}\n")).collect();
        text.concat() + "2026-11-22T15:42:01.123456789Z started\n"
    };
    for (prefix, suffix) in [
        ("", ""),
        ("stdout F ", ""),
        ("  ", ""),
        (r#"{"level":"info","ts":1764183280.8,"msg":""#, r#""}"#),
        (r#"{"level":"info","msg":""#, r#"","ts":1764183280.8}"#),
        ("2026-11-22T15:42:00.1Z\tINFO\tserver\t", ""),
        ("key: ", ""),
    ] {
        let clean = replaces(&lines(prefix, suffix), &pem);
        assert!(clean.ends_with("Z started\n"), "{clean}");
        assert_eq!(clean.matches("2026-11-22T15:42:00.123456789Z").count(), pem.lines().count(), "{clean}");
    }
}

#[test]
fn on_one_line() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        for (newline, before, after) in [
            ("\\n", r#"{"key":""#, r#"","x":1}"#),
            ("\\\\n", r#"{\"key\":\""#, r#"\"}"#),
            ("\\r\\n", "\"", "\""),
            ("\\u000a", "\"", "\""),
            ("%0A", "k=", "&x=1"),
            (" ", "KEY=", " x=1"),
            ("", "KEY=", " x=1"),
        ] {
            let text = format!("{before}{}{after}", pem.replace('\n', newline));
            let clean = replaces(&text, &pem);
            assert!(clean.contains(&format!("-----BEGIN {label}-----{newline}<private-key:")), "{clean}");
            assert!(clean.ends_with(after), "{clean}");
        }
        let slashes = format!("\"{}\"", pem.replace('\n', "\\n").replace('/', "\\/"));
        replaces(&slashes, &pem);
    }
}

#[test]
fn in_base64() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        let digits = base64(&der);
        let clean = replaces(&format!("key {digits} end"), &pem);
        assert!(clean.starts_with("key <private-key:") && clean.ends_with("> end"), "{clean}");
        for before in ["", " ", "  ", CERTIFICATE] {
            let armour = base64(format!("{before}{pem}").as_bytes());
            let clean = replaces(&format!("tls.key: {armour}\nnext"), &pem);
            assert!(!clean.contains(&armour[armour.len() / 2..armour.len() / 2 + 20]));
            assert!(clean.ends_with(">\nnext"), "{clean}");
        }
    }
}

#[test]
fn in_base64_over_many_lines() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        for digits in [base64(&der), base64(pem.as_bytes())] {
            let lines: Vec<_> = digits.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line)).collect();
            if lines.len() < 3 {
                continue;
            }
            let text = format!("  {}\nnext: line\n", lines.join("\n  "));
            let (clean, counts) = redactor().string(&text);
            assert_eq!(counts.total(), 1, "{label}: {clean}");
            assert!(lines.iter().all(|line| line.len() < 8 || !clean.contains(line.as_ref())), "{label}: {clean}");
            assert!(clean.ends_with("\nnext: line\n"), "{clean}");
            assert_eq!(redacted(&clean), clean);
        }
    }
}

#[test]
fn one_key_is_one_token_in_every_form() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        let lines = redacted(&pem);
        for text in [pem.replace('\n', "\\n"), pem.replace('\n', ""), base64(&der), base64(pem.as_bytes())] {
            assert_eq!(hex(&redacted(&text)), hex(&lines), "{label}: {text}");
        }
    }
}

#[test]
fn of_other_makers() {
    let body = base64(&noise(1, 300));
    let lines: Vec<_> = body.as_bytes().chunks(70).map(|line| String::from_utf8_lossy(line)).collect();
    let body = lines.join("\n");
    for (label, headers) in [
        ("OPENSSH PRIVATE KEY", ""),
        ("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF\n\n"),
        ("PGP PRIVATE KEY BLOCK", "Version: 1\n\n"),
    ] {
        let text = format!("-----BEGIN {label}-----\n{headers}{body}\n-----END {label}-----\n");
        replaces(&text, &body);
        replaces(&text.replace('\n', "\\n"), &body);
    }
}

#[test]
fn that_never_end() {
    let pem = private_pem();
    let cut: String = pem.lines().take(3).collect::<Vec<_>>().join("\n");
    for rest in [
        "{\"level\":\"info\",\"msg\":\"started\"}\nplain words\n",
        "2026-11-22T15:42:00Z INFO the next message is here\n2026-11-22T15:42:00Z another\n",
    ] {
        let clean = replaces(&format!("{cut}\n{rest}"), &cut);
        assert!(clean.ends_with(rest), "{clean}");
    }
    let clean = redacted(&format!("{{\"msg\":\"{}\",\"next\":\"stays here\"}}", cut.replace('\n', "\\n")));
    assert!(clean.ends_with("\",\"next\":\"stays here\"}"), "{clean}");
    let words = "-----BEGIN PRIVATE KEY----- was not found in the file that was given here";
    assert_eq!(redacted(words), words);
}

#[test]
fn with_others_between_their_lines() {
    let pem = private_pem();
    let other = "2026-11-22T15:42:00Z {\"level\":\"debug\",\"msg\":\"tick\"}";
    let mut lines: Vec<_> = pem.lines().collect();
    lines.insert(2, other);
    let clean = replaces(&(lines.join("\n") + "\n"), &pem);
    assert!(clean.contains(other), "{clean}");
}

#[test]
fn with_another_stream_between_any_two_of_their_lines() {
    for (label, der) in private_keys() {
        let pem = pem(label, &der);
        let lines: Vec<_> = pem.lines().collect();
        for at in 1..lines.len() {
            for others in 1..=3 {
                let mut lines: Vec<_> = lines.iter().map(|line| format!("2026-11-22T15:42:00.1Z {line}")).collect();
                let other = "2026-11-22T15:42:00.2Z mounted, and now going on".to_owned();
                (0..others).for_each(|_| lines.insert(at, other.clone()));
                let clean = replaces(&(lines.join("\n") + "\n"), &pem);
                assert_eq!(clean.matches(&other).count(), others, "{clean}");
            }
        }
    }
}

#[test]
fn with_secrets_before_their_lines() {
    let pem = private_pem();
    let [_, body, ..] = bodies(&pem)[..] else { panic!("no body") };
    // The quote that stands before each line of the key is in the secret too.
    let text = format!("1\"-----BEGIN PRIVATE KEY-----\nCookie: a=\"b\" \"{body}\"\n");
    let clean = redacted(&text);
    assert!(!clean.contains(&body[..24]) && clean.ends_with(">\"\n"), "{clean}");
    assert_eq!(redacted(&clean), clean, "not stable");
}

#[test]
fn certificates_beside_them_stay() {
    let pem = private_pem();
    let clean = replaces(&format!("{CERTIFICATE}{pem}{CERTIFICATE}"), &pem);
    assert_eq!(clean.matches(&CERTIFICATE[..200]).count(), 2, "{clean}");
    let line = format!("{} {}", der_digits(CERTIFICATE), der_digits(&pem));
    assert!(replaces(&line, &pem).starts_with(&der_digits(CERTIFICATE)));
}

//! Which level a line has, in the formats of loggers that run in clusters, and which lines have none.

use kubectl_escalate::kubelet_log::{Level, is_last_words, level};
use proptest::prelude::*;

/// Lines as each logger's sources or documentation have them, with their levels.
const SAMPLES: &[(Level, &[&str])] = &[
    (
        Level::Fatal,
        &[
            // klog, zap, zerolog, logrus in colour, bunyan and pino.
            "F1124 12:00:00.000000       1 main.go:7] cannot start",
            "2026-11-24T12:00:00.000Z\tFATAL\tserver\tserver/main.go:7\tcannot start\t{\"error\": \"x\"}",
            "12:00PM FTL cannot start error=\"x\"",
            "\u{1b}[31mFATA\u{1b}[0m[0000] cannot start                                 error=x",
            r#"{"name":"app","hostname":"a","pid":1,"level":60,"msg":"x","time":"2026-11-24T12:00:00.000Z","v":0}"#,
            // Python, nginx, PostgreSQL, envoy, systemd.
            "2026-11-24 12:00:00,280 - app.db - CRITICAL - x",
            "2026/11/24 12:00:00 [emerg] 1#1: host not found in upstream \"app\" in /etc/nginx/nginx.conf:3",
            "2026-11-24 12:00:00.000 UTC [71] FATAL:  password authentication failed for user \"app\"",
            "2026-11-24 12:00:00.000 UTC [71] PANIC:  could not write to file \"pg_wal/xlogtemp.71\"",
            "[2026-11-24 12:00:00.000][1][critical][main] [source/server/server.cc:100] x",
            "<2>x",
            // The Go runtime.
            "panic: runtime error: index out of range [5] with length 3",
            "fatal error: all goroutines are asleep - deadlock!",
            "runtime: goroutine stack exceeds 1000000000-byte limit",
            "unexpected fault address 0x7f217f22e000",
            "SIGQUIT: quit",
            "goroutine 1 gp=0xc000002380 m=0 mp=0x5f9e80 [running]:",
        ],
    ),
    (
        Level::Error,
        &[
            "E1124 12:00:00.000000       1 reflector.go:138] \"Failed to watch\" err=\"x\"",
            "E20261124 12:00:00.000000 140 server.cc:12] x",
            // zap for a console and as JSON, in production and in development.
            "2026-11-24T12:00:00.000Z\tERROR\tserver\tserver/sink.go:118\tnot sent\t{\"seq\": 4}",
            "2026-11-24T12:00:00.000000Z\terror\tklog\tnot sent",
            r#"{"level":"error","ts":1795521600.1,"logger":"server","msg":"x"}"#,
            r#"{"L":"ERROR","T":"2026-11-24T12:00:00.000Z","C":"app/main.go:7","M":"x"}"#,
            // logrus as text, as JSON and in colour; go-kit, whose level may stand behind the message.
            "time=\"2026-11-24T12:00:00Z\" level=error msg=\"not sent\" error=nil",
            r#"{"error":"x","level":"error","msg":"not sent","time":"2026-11-24T12:00:00Z"}"#,
            "\u{1b}[31mERRO\u{1b}[0m[0012] not sent                                      seq=4",
            "msg=\"not sent\" level=error",
            "ts=2026-11-24T12:00:00.000Z caller=sink.go:118 msg=\"not \\\"sent\\\" level=info\" level=error err=x",
            "msg=\"not sent\" severity=\"ERROR\"",
            "LEVEL=Error msg=x",
            // slog as text, as JSON and by the default handler.
            "time=2026-11-24T12:00:00.000Z level=ERROR+4 msg=\"not sent\"",
            r#"{"time":"2026-11-24T12:00:00.0Z","level":"ERROR","source":{"function":"main.main"},"msg":"x"}"#,
            "2026/11/24 12:00:00 ERROR not sent seq=4",
            // zerolog as JSON and for a console, in colour.
            r#"{"level":"error","error":"x","time":"2026-11-24T12:00:00Z","message":"not sent"}"#,
            "\u{1b}[90m12:00PM\u{1b}[0m \u{1b}[1m\u{1b}[31mERR\u{1b}[0m\u{1b}[0m not sent \u{1b}[36merror=\u{1b}[0mx",
            // bunyan, pino, pino-pretty, winston.
            r#"{"name":"app","hostname":"a","pid":1,"level":50,"msg":"x","time":"2026-11-24T12:00:00.000Z","v":0}"#,
            r#"{"level":50,"time":1795521600000,"pid":1,"hostname":"a","msg":"x"}"#,
            "[12:00:00.000] ERROR (1): not sent",
            "error: not sent {\"seq\":4}",
            "2026-11-24T12:00:00.000Z [error]: not sent",
            r#"{"message":"not sent","level":"error"}"#,
            // log4j, logback, Spring Boot, Tomcat.
            "2026-11-24 12:00:00,123 ERROR [main] com.example.Main - not sent",
            "12:00:00.123 [http-nio-8080-exec-1] ERROR c.example.Main - not sent",
            "12:00:00.123 [pool 1 thread 2] ERROR c.example.Main - not sent",
            "2026-11-24T12:00:00.123Z ERROR 1 --- [main] c.example.Main : not sent",
            "24-Nov-2026 12:00:00.123 SEVERE [main] org.apache.catalina.core.X not sent",
            // Python's default, a usual format, gunicorn, Celery, Loguru, Monolog.
            "ERROR:root:not sent",
            "2026-11-24 12:00:00,280 - app.sink - ERROR - not sent",
            "[2026-11-24 12:00:00 +0000] [1] [ERROR] Worker failed to boot.",
            "[2026-11-24 12:00:00,123: ERROR/MainProcess] not sent",
            "2026-11-24 12:00:00.123 | ERROR    | app.sink:send:12 - not sent",
            r#"{"message":"x","context":{},"level":400,"level_name":"ERROR","channel":"app"}"#,
            // Rust's tracing and env_logger, plain and in colour.
            "2026-11-24T12:00:00.123456Z ERROR app::sink: not sent seq=4",
            "\u{1b}[2m2026-11-24T12:00:00.123456Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \u{1b}[2mapp\u{1b}[0m: not sent",
            r#"{"timestamp":"2026-11-24T12:00:00Z","level":"ERROR","fields":{"message":"x"},"target":"app"}"#,
            "[2026-11-24T12:00:00Z ERROR app::sink] not sent",
            "\u{1b}[90m[\u{1b}[0m2026-11-24T12:00:00Z \u{1b}[31mERROR\u{1b}[0m app\u{1b}[90m]\u{1b}[0m not sent",
            // nginx, Apache, MySQL, PostgreSQL, envoy, hclog, systemd, syslog.
            "2026/11/24 12:00:00 [error] 29#29: *1 open() \"/x\" failed (2: No such file or directory)",
            "[Tue Nov 24 12:00:00.123456 2026] [core:error] [pid 9] not sent",
            "2026-11-24T12:00:00.123456Z 0 [ERROR] [MY-010119] [Server] Aborting",
            "2026-11-24 12:00:00.000 UTC [71] ERROR:  relation \"x\" does not exist at character 15",
            "2026-11-24 12:00:00.000 GMT [71] app@app ERROR:  deadlock detected",
            "[2026-11-24 12:00:00.000][29][error][upstream] [source/common/upstream/x.cc:100] not sent",
            "2026-11-24T12:00:00.000Z [ERROR] agent: not sent",
            r#"{"@level":"error","@message":"not sent","@timestamp":"2026-11-24T12:00:00.0Z"}"#,
            r#"{"@l":"Error","@t":"2026-11-24T12:00:00.0Z","@m":"not sent"}"#,
            r#"{"timestamp":"x","severity_text":"ERROR","body":"not sent"}"#,
            "<3>not sent",
            "<11>1 2026-11-24T12:00:00Z host app 1 - - not sent",
            // JSON and pairs behind what a container runtime or a wrapper puts before them.
            "2026-11-24T12:00:00.000000000Z stderr F {\"level\":\"error\",\"msg\":\"x\"}",
            "2026-11-24T12:00:00.000000000Z stdout F E1124 12:00:00.000000 1 x.go:1] x",
            "[app] {\"severity\":\"ERROR\",\"message\":\"x\"}",
            "[app] [1] {\"msg\":\"level=info\",\"level\":\"error\"}",
            "2026-11-24 12:00:00 {\"level\":\"error\"}",
            "[app] level=error msg=x",
            "2026-11-24T12:00:00Z stderr F msg=\"x y\" level=error",
        ],
    ),
    (
        Level::Warn,
        &[
            "W1124 12:00:00.000000       1 x.go:1] x",
            r#"{"time":"2026-11-24T12:00:00.0Z","level":"WARN+2","msg":"a b"}"#,
            "time=2026-11-24T12:00:00.000Z level=WARN+2 msg=\"a b\" error=nil",
            "WARNING:urllib3.connectionpool:Retrying (Retry(total=2)) after connection broken by 'ERROR'",
            "warn: slow",
            "[2026-11-24T12:00:00Z WARN  app] x",
            "2026/11/24 12:00:00 [warn] 29#29: x",
            "[2026-11-24 12:00:00.000][1][warning][main] [source/server/server.cc:1] x",
            r#"{"level":40,"msg":"x"}"#,
            "<4>x",
            "\u{1b}[33mWARN\u{1b}[0m[0001] x",
        ],
    ),
    (
        Level::Info,
        &[
            "I1124 12:00:00.000000       1 x.go:1] ERROR",
            "2026-11-24 12:00:00.000 UTC [1] LOG:  database system is ready to accept connections",
            "LOG:  redirecting log output to logging collector process",
            "[2026-11-24 12:00:00.000][1][info][main] [source/server/server.cc:1] no error",
            "INFO:     127.0.0.1:53 - \"GET /error HTTP/1.1\" 500",
            "2026-11-24T12:00:00.123456Z  INFO app: errors: 0",
            r#"{"level":30,"time":1795521600000,"msg":"level=error"}"#,
            "time=2026-11-24T12:00:00.000Z level=INFO msg=\"level=ERROR\" error=nil",
            "12:00PM INF no error",
            "<6>x",
        ],
    ),
    (
        Level::Debug,
        &[
            "time=2026-11-24T12:00:00.000Z level=DEBUG-4 msg=trace",
            "2026-11-24 12:00:00.000 UTC [1] DEBUG1:  x",
            r#"{"level":20,"msg":"error"}"#,
            r#"{"level":10,"msg":"x"}"#,
            "silly: x",
            "12:00PM TRC x",
            "<7>x",
            "[2026-11-24T12:00:00Z DEBUG app] x",
        ],
    ),
    (
        Level::None,
        &[
            "no error",
            "error=nil",
            "x=1 error=nil and level=error",
            "errors: 0",
            "3 errors, 2 warnings",
            "0 errors",
            "error of somebody",
            "what an ERROR",
            "the level=error of others",
            "a message with level=error and \"level\":\"error\" in it",
            r#"{"message":"level=error"}"#,
            r#"[app] {"message":"level=error","level_of":"error"}"#,
            r#""message":"level=error""#,
            r#"got {"level":"error"}"#,
            r#"config: {"level":"debug"}"#,
            r#"[{"level":"error"}]"#,
            r#"msg="level=error""#,
            r#"{"level":3}"#,
            r#"{"level":400}"#,
            r#"{"l":"error"}"#,
            "[main] an ERROR",
            "[no error]",
            "10.0.0.1 - ERROR",
            "10.0.0.1 - - [24/Nov/2026:12:00:00 +0000] \"GET /error HTTP/1.1\" 500 12",
            "2026/11/24 12:00:00 http: TLS handshake error from 10.0.0.1:53: EOF",
            "2026/11/24 12:00:00 no error",
            "ERROR_CODE 5",
            "ERRORS",
            "E1124",
            "E1124 of somebody",
            "panicking: x",
            "SIGTERM: stopping",
            "goroutine 7 runs",
            "<html>",
            "<error",
            "--debug",
            "[",
            "[error",
            "<>",
            "level=",
            "level=\"error",
            "=error",
        ],
    ),
];

#[test]
fn the_level_of_each_logger_is_read_and_words_of_messages_are_not() {
    let mut wrong = Vec::new();
    for (expected, lines) in SAMPLES {
        for line in *lines {
            let found = level(line.as_bytes());
            if found != *expected {
                wrong.push(format!("{found:?} and not {expected:?}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_first_four_kib_of_a_line_decide() {
    let line = |before: usize| format!("msg=\"{}\" level=error", "x".repeat(before));
    assert_eq!(level(line(4000).as_bytes()), Level::Error);
    assert_eq!(level(line(4096).as_bytes()), Level::None);
    let json = |before: usize| format!("{{\"msg\":\"{}\",\"level\":\"error\"}}", "x".repeat(before));
    assert_eq!(level(json(4000).as_bytes()), Level::Error);
    assert_eq!(level(json(4096).as_bytes()), Level::None);
}

proptest! {
    #[test]
    fn any_bytes_have_a_level_or_none(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}<>\"=: a-zA-Z0-9\u{1b}-]{0,60}") {
        for line in [bytes.as_slice(), text.as_bytes()] {
            let is_fatal = level(line) == Level::Fatal;
            prop_assert!(is_fatal || !is_last_words(line) || line.starts_with(b"\xef\xbb\xbf"));
        }
    }
}

//! Owns the lines of a stack: what a Go program prints when it dies, and what other lines of a stack look like.

/// What the Go runtime prints first when it ends a program, as its sources have it. `runtime: ` comes before most fatal
/// errors, and a signal's name where no Go code has caused it.
const LAST_WORDS: [&[u8]; 13] = [
    b"panic: ",
    b"fatal error: ",
    b"runtime: ",
    b"unexpected fault address 0x",
    b"panic during panic",
    b"SIGQUIT: quit",
    b"SIGABRT: abort",
    b"SIGSEGV: segmentation violation",
    b"SIGBUS: bus error",
    b"SIGFPE: floating-point exception",
    b"SIGILL: illegal instruction",
    b"SIGTRAP: trace trap",
    b"SIGSYS: bad system call",
];
/// What other lines of a stack begin with.
const STACK: [&[u8]; 6] = [b"created by ", b"[signal ", b"runtime stack:", b"exit status ", b"Caused by: ", b"..."];

/// Whether a line is what a Go program prints first when it dies, or begins a goroutine's stack. Lines without a level
/// that follow it belong to it.
#[must_use]
pub fn is_last_words(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'p' | b'f' | b'r' | b'u' | b'S' | b'g'))
        && (LAST_WORDS.iter().any(|start| text.starts_with(start)) || is_goroutine_start(text))
}

/// Whether a line without a level continues the line before: it is indented, begins with a closing bracket, or is a
/// line of a stack.
pub(super) fn is_continuation(text: &[u8]) -> bool {
    let is_inner = matches!(text.first(), None | Some(b' ' | b'\t' | b'}' | b')' | b']'));
    is_inner || STACK.iter().any(|start| text.starts_with(start)) || is_frame(text) || is_register(text)
}

/// Whether a line begins the stack of a goroutine: `goroutine 7 [running]:`, or, where the runtime says more,
/// `goroutine 7 gp=0xc000002380 m=0 mp=0x5f9e80 [running]:`.
pub(super) fn is_goroutine_start(text: &[u8]) -> bool {
    let behind = text.strip_prefix(b"goroutine ").map(|text| text.trim_ascii_start());
    let digits = behind.map_or(0, |text| text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let rest = behind.and_then(|text| text.get(digits..)).unwrap_or_default();
    digits > 0 && (rest.starts_with(b" [") || rest.starts_with(b" gp="))
}

/// Whether it is a function of a Go stack: `main.(*server).run(0x1, {0x2, 0x3})`, or without arguments.
fn is_frame(text: &[u8]) -> bool {
    let name = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./*()[]{}-@%,?~\xc2\xb7".contains(byte);
    let has_package = name.iter().position(|byte| *byte == b'.').is_some_and(|at| at > 0 && at + 1 < name.len());
    has_package
        && name.iter().all(is_part)
        && (name.len() == text.len() || text.ends_with(b")") && name.contains(&b'('))
}

/// Whether it is a register, as the Go runtime prints them: `rax    0x7f`.
fn is_register(text: &[u8]) -> bool {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    name.len() <= 6 && value.starts_with(b"0x") && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use crate::kubelet_log::{
        Level::{Error, Fatal, Info},
        continues, level,
    };

    #[test]
    fn lines_of_a_stack_continue_the_line_before() {
        let lines = [
            "",
            "\t/src/main.go:12 +0x1d",
            "  \"seq\": 5,",
            "}",
            "main.main()",
            "main.(*ingest).run",
            "runtime.goexit({})",
            "net/http.(*conn).serve(0xc000, {0x1, 0x2})",
            "created by main.run in goroutine 1",
            "exit status 2",
            "goroutine 1 [running]:",
            "github.com/a/b-c/v2.Run[...](0x1)",
            "goroutine 1 gp=0xc000002380 m=0 mp=0x5f9e80 [running]:",
            "[signal SIGSEGV: segmentation violation]",
            "rflags 0x246",
        ];
        for line in lines {
            assert!(continues(line.as_bytes(), level(line.as_bytes()), Error), "{line}");
        }
        for line in ["Starting the server", "{\"level\":\"info\"}", "done.", "see example.org for more (really)", "x"] {
            assert!(!continues(line.as_bytes(), level(line.as_bytes()), Error), "{line}");
        }
        assert!(!continues(b"goroutine 1 [running]:", Fatal, Info));
        let second = b"runtime: sp=0xc0 stack=[0xc0, 0xd0]";
        assert!(continues(second, level(second), Fatal) && !continues(second, level(second), Error));
    }
}

//! The program: hands its arguments to the library and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_escalate::run(std::env::args_os()).into()
}

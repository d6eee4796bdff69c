//! Collects the last 30 minutes of the current context's trust domain server into a bundle in the current folder, as
//! `kubectl escalate collect` does, and writes what the bundle shows.

use kubectl_escalate::{
    collectors::optional,
    pipeline::{CollectRequest, Control, Notice, Observer, Progress, collect},
    plan::window::Window,
    profile::Profile,
    report,
};
use std::{
    error::Error,
    io::{Write as _, stderr, stdout},
    sync::Arc,
};

/// Writes notices to standard error. A run that shows its progress implements more methods of these two traits.
struct Notices;

impl Progress for Notices {}

impl Observer for Notices {
    fn notice(&self, notice: &Notice<'_>) {
        // Nobody can be told that standard error is gone.
        let _ = writeln!(stderr(), "{notice}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = chrono::Utc::now();
    let window = Window::new(None, None, None, now)?;
    let request = CollectRequest::new(Profile::built_in("trust-domain-server", &optional())?, window, now);
    // `Control::interrupt`, from a signal handler for instance, ends the run with a bundle of what was gathered.
    let collected = collect(request, Arc::new(Notices), &Control::default()).await?;
    let findings = collected.findings.as_ref().map(report::text).unwrap_or_default();
    writeln!(stdout(), "{}\n{findings}", collected.finished.path.display())?;
    Ok(())
}

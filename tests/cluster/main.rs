//! What the program does against a real Kubernetes, as its user would see it: the built program is
//! run, and its bundle is read with means of its own. `tests/run` runs these, on the cluster of
//! `tests/cluster/up` or any other that `ESCALATE_TEST_KUBECONFIG` names.
//!
//! The incidents of `tests/cluster/incident` are brought about once, by whichever test comes first;
//! `incident delete --all` removes them. Whatever else a test makes, it removes itself.

#![expect(clippy::print_stderr, reason = "what was compared is printed, as the experiments' result")]

mod bundle;
mod kubernetes;
mod prometheus;
mod replayed;
mod scraping;
mod tool;

mod choice;
mod describe;
mod ending;
mod errors;
mod findings;
mod forwarded;
mod logs;
mod metrics;
mod neighbours;
mod objects;
mod outcomes;
mod planted;
mod promql;
mod rotated;
mod stated;
mod thanos;
mod untouched;
mod users;
mod waiting;
mod window;

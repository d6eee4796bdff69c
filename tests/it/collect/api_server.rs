//! What the API server says of itself.

use crate::support::{Run, World};
use kubectl_escalate::bundle::Outcome;

#[test]
fn its_version_is_kept_as_it_was_answered() {
    let api = World::one().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    bundle.outcome("version", Outcome::Collected);
    let version: serde_json::Value = bundle.json("clusters/prod/api/version.json");
    assert!(version["gitVersion"].is_string(), "{version}");
}

//! Owns a recording served as an API server: replay, behind a socket.

use super::{Api, Reply};
use http_body_util::BodyExt as _;
use kubectl_escalate::{bundle::BundleReader, replay::Replay};
use std::{path::Path, sync::Arc};

/// Serves a bundle's only cluster.
pub(crate) fn serve(path: &Path) -> Api {
    let bundle = BundleReader::open(path).expect("a bundle");
    let cluster = bundle.manifest().clusters[0].name.clone();
    let replay = Replay::new(Arc::new(bundle), &cluster);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let client = {
        let _within = runtime.enter();
        replay.client()
    };
    Api::new(move |asked| {
        let mut request = http::Request::get(&asked.target);
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        let request = request.body(kube::client::Body::empty()).expect("a request");
        let (status, body) = runtime.block_on(async {
            let response = client.send(request).await.expect("an answer");
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.expect("a body").to_bytes())
        });
        Some(Reply::text(body.to_vec()).with_status(status))
    })
}

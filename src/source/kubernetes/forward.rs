//! Owns requests to a pod's port through port-forward, for when the API server's proxy is forbidden or cannot reach the
//! pod. The node connects inside the pod, so neither the pod network nor an address other than loopback is needed.

use super::client::{Answer, Kubernetes, refusal};
use crate::source::{BodyStream, SourceError, error::without_user};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use std::{error::Error, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// How long we wait for the node's error message after a connection has ended.
const MESSAGE: Duration = Duration::from_secs(1);

impl Kubernetes {
    /// GETs a path of a pod's port, as if from inside the pod.
    ///
    /// # Errors
    /// If the port may not be forwarded, nothing listens on it, or no successful answer comes within the idle time.
    pub async fn get_forwarded(
        &self,
        (namespace, pod, port): (&str, &str, u16),
        path: &str,
        accept: &str,
    ) -> Result<Answer, SourceError> {
        let idle = self.limits.idle;
        let slot = self.slot().await?;
        let forwarded = self.forwarded((namespace, pod, port), path, accept, slot);
        tokio::select! {
            biased;
            reason = self.stop.stopped() => Err(SourceError::Stopped(reason)),
            answer = tokio::time::timeout(idle, forwarded) => {
                answer.unwrap_or(Err(SourceError::TimedOut { what: "waiting for an answer by port-forward", after: idle }))
            }
        }
    }

    async fn forwarded(
        &self,
        (namespace, pod, port): (&str, &str, u16),
        path: &str,
        accept: &str,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<Answer, SourceError> {
        let request = Request::get(path).header(header::HOST, format!("{pod}:{port}")).header(header::ACCEPT, accept);
        let request = request.body(Empty::<Bytes>::new()).map_err(SourceError::Request)?;
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let mut forward = pods.portforward(pod, &[port]).await.map_err(refused)?;
        let closed = || SourceError::Broken("the port-forward has no such stream".into());
        let stream = forward.take_stream(port).ok_or_else(closed)?;
        let message = forward.take_error(port);
        let sent = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // Ends with the stream, which ends with the answer's body or with the client. A hanging node is not waited
            // for, except for its error message.
            tokio::spawn(async move {
                let _ = connection.await;
                tokio::time::sleep(MESSAGE).await;
                forward.abort();
            });
            let answer = sender.send_request(request).await?;
            Ok::<_, hyper::Error>((answer, sender))
        };
        let (answer, sender) = match sent.await {
            Ok(answer) => answer,
            Err(error) => {
                let message = match message {
                    Some(message) => tokio::time::timeout(MESSAGE, message).await.unwrap_or_default(),
                    None => None,
                };
                let error: Box<dyn Error + Send + Sync> = match message {
                    Some(message) => message.into(),
                    None => error.into(),
                };
                return Err(SourceError::Broken(error));
            }
        };
        let (head, body) = answer.into_parts();
        // The connection lives as long as its sender.
        let stream = futures_util::StreamExt::map(body.into_data_stream(), move |chunk| {
            let _ = &sender;
            chunk
        });
        let body = BodyStream::new(stream, self.limits.idle, self.stop.clone(), slot);
        if head.status.is_success() {
            return Ok(Answer { status: head.status.as_u16(), skew: None, body });
        }
        Err(refusal(head.status, body).await?)
    }
}

/// The error of a refused port-forward.
fn refused(error: kube::Error) -> SourceError {
    match error {
        kube::Error::Api(status) => SourceError::Status {
            code: status.code,
            reason: status.reason.clone(),
            message: without_user(&status.message),
        },
        error => SourceError::Unreachable(Box::new(error)),
    }
}

//! Addresses of API servers.

use super::{Row, Rows};
use crate::{
    login::case::{Case, KEYS},
    support::{Asked, Reply, World, front::Tls, world::legacy},
};
use std::net::{IpAddr, Ipv6Addr};

/// A server below a path.
fn below(prefix: &'static str, server: impl Fn(u16) -> String) -> Case {
    let case = Case::new();
    let (world, documents) = (World::one(), legacy());
    case.api.on(move |asked| {
        let rest = asked.path.strip_prefix(prefix)?;
        let document = documents.get(rest).map(Reply::json);
        document.or_else(|| world.answer(&Asked { path: rest.to_owned(), ..asked.clone() }))
    });
    // What is not below it is nothing.
    case.api.on(move |asked| (!asked.path.starts_with(prefix)).then(|| Reply::text("not here").with_status(404)));
    let server = server(case.port());
    case.cluster("server", server)
}

fn at(server: impl Fn(u16) -> String) -> Case {
    let case = Case::new();
    let server = server(case.port());
    case.cluster("server", server)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("servers");
    rows.works("an IP address", || at(|port| format!("https://127.0.0.1:{port}")));
    rows.works("a name", || at(|port| format!("https://localhost:{port}")));
    rows.works("a slash at the end", || at(|port| format!("https://127.0.0.1:{port}/")));
    rows.works("a scheme in capitals", || at(|port| format!("HTTPS://127.0.0.1:{port}")));
    rows.works("a name in capitals", || at(|port| format!("https://LOCALHOST:{port}")));
    rows.works("IPv6", || {
        let tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
        Case::listening(&tls, IpAddr::V6(Ipv6Addr::LOCALHOST))
    });
    rows.works("a path", || below("/k8s/clusters/c-1", |port| format!("https://127.0.0.1:{port}/k8s/clusters/c-1")));
    rows.works("a path and a slash", || below("/k8s", |port| format!("https://127.0.0.1:{port}/k8s/")));
    rows.works("a path and a query", || below("/k8s", |port| format!("https://127.0.0.1:{port}/k8s?a=b")));
    rows.fails("another path", || below("/k8s", |port| format!("https://127.0.0.1:{port}/other")));
    rows.works("without TLS", Case::plain);
    rows.works("without TLS and scheme", || {
        let case = Case::plain();
        let server = case.api.address().to_string();
        case.cluster("server", server)
    });
    rows.works("without TLS and scheme, a name", || {
        let case = Case::plain();
        let server = format!("localhost:{}", case.port());
        case.cluster("server", server)
    });
    rows.fails("TLS, and no scheme", || at(|port| format!("127.0.0.1:{port}")));
    rows.fails("without TLS, and https", || {
        let case = Case::plain();
        let server = format!("https://{}", case.api.address());
        case.cluster("server", server)
    });
    rows.fails("nobody listens", || Case::new().cluster("server", "https://127.0.0.1:1"));
    rows.fails("no server", || Case::new().cluster("server", serde_json::Value::Null));
    rows.fails("a name that nothing resolves", || Case::new().cluster("server", "https://nobody.invalid"));
    rows.fails("another scheme", || Case::new().cluster("server", "ftp://127.0.0.1:1"));
    rows.works("no compression", || Case::new().cluster("disable-compression", true));
    rows.rows
}

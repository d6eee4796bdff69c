//! Proxies: of the environment and of the kubeconfig, and what is reached without.

use super::{Row, Rows};
use crate::{
    login::case::{Case, FAR, HERE, KEYS},
    support::front::{Front, Tls},
};
use std::net::{IpAddr, SocketAddr};

/// Where nobody listens.
const DEAD: &str = "http://127.0.0.1:1";

/// What a proxy speaks, and the login that it wants.
#[derive(Clone, Copy)]
enum Kind {
    Http,
    Https,
    Socks,
}

/// Reachable only by a proxy of this kind.
fn far(kind: Kind, login: Option<(&str, &str)>) -> (Case, SocketAddr) {
    let mut case = Case::new();
    let behind = case.front();
    let tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
    let joined = login.map(|(user, password)| format!("{user}:{password}"));
    let proxy = match kind {
        Kind::Http => Front::http_proxy(HERE, None, joined.as_deref(), behind),
        Kind::Https => Front::http_proxy(HERE, Some(&tls), joined.as_deref(), behind),
        Kind::Socks => Front::socks(HERE, login, behind),
    };
    let address = proxy.address;
    case.fronts.push(proxy);
    (case.cluster("server", format!("https://{FAR}:6443")), address)
}

fn by_environment(variable: &str, scheme: &str, kind: Kind) -> Case {
    let (case, proxy) = far(kind, None);
    case.env(variable, format!("{scheme}{proxy}"))
}

fn by_kubeconfig(scheme: &str, kind: Kind) -> Case {
    let (case, proxy) = far(kind, None);
    case.cluster("proxy-url", format!("{scheme}{proxy}"))
}

/// Reachable by a proxy, unless the rules say that none is used; then nothing is found.
fn unless(rules: &str) -> Case {
    by_environment("HTTPS_PROXY", "http://", Kind::Http).env("NO_PROXY", rules)
}

/// Reachable only without the proxy. The server is at an address of this machine that is not loopback.
fn only_if(ip: IpAddr, rules: impl Fn(IpAddr, u16) -> String) -> Case {
    let case = Case::listening(&Tls::new(&KEYS.server.certificate, &KEYS.server.key), ip);
    let rules = rules(ip, case.port());
    case.env("HTTPS_PROXY", DEAD).env("NO_PROXY", rules)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("proxies by environment");
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        for (scheme, kind) in [
            ("", Kind::Http),
            ("http://", Kind::Http),
            ("https://", Kind::Https),
            ("socks5://", Kind::Socks),
            ("socks5h://", Kind::Socks),
        ] {
            rows.works(format!("{variable}={scheme}host:port"), move || by_environment(variable, scheme, kind));
        }
    }
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        rows.fails(format!("{variable} does not count for https"), move || {
            by_environment(variable, "http://", Kind::Http)
        });
    }
    rows.works("a slash at the end", || {
        let (case, proxy) = far(Kind::Http, None);
        case.env("HTTPS_PROXY", format!("http://{proxy}/"))
    });
    rows.fails("a proxy that is not there", || far(Kind::Http, None).0.env("HTTPS_PROXY", DEAD));
    rows.works("an empty variable is none", || Case::new().env("HTTPS_PROXY", "").env("NO_PROXY", ""));
    rows.works("HTTPS_PROXY before https_proxy", || {
        by_environment("HTTPS_PROXY", "http://", Kind::Http).env("https_proxy", DEAD)
    });
    rows.works("a name with a dot at the end", || {
        by_environment("HTTPS_PROXY", "http://", Kind::Http).cluster("server", format!("https://{FAR}.:6443"))
    });
    rows.works("a name with an underscore", || {
        let authority = &KEYS.authority;
        let server = authority.server(&["api_1.far.test"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let mut case = Case::with_tls(&Tls::new(&server.certificate, &server.key));
        let proxy = Front::http_proxy(HERE, None, None, case.front());
        let address = proxy.address;
        case.fronts.push(proxy);
        case.cluster("server", "https://api_1.far.test:6443").env("HTTPS_PROXY", address)
    });
    rows.works("no port", || {
        let (case, proxy) = far(Kind::Http, None);
        case.cluster("server", format!("https://{FAR}")).env("HTTPS_PROXY", format!("http://{proxy}"))
    });
    for server in ["127.0.0.1", "localhost"] {
        rows.works(format!("none for {server}"), move || {
            let case = Case::new();
            let address = format!("https://{server}:{}", case.port());
            case.cluster("server", address).env("HTTPS_PROXY", DEAD)
        });
    }
    rows.works("HTTP_PROXY for a server without TLS", || {
        let mut case = Case::plain();
        let proxy = Front::http_proxy(HERE, None, Some("jane:open"), case.api.address());
        let address = proxy.address;
        case.fronts.push(proxy);
        case.cluster("server", format!("http://{FAR}:8001")).env("HTTP_PROXY", format!("http://jane:open@{address}"))
    });
    rows.works("SOCKS for a server without TLS", || {
        let mut case = Case::plain();
        let proxy = Front::socks(HERE, None, case.api.address());
        let address = proxy.address;
        case.fronts.push(proxy);
        case.cluster("server", format!("http://{FAR}:8001")).env("HTTP_PROXY", format!("socks5://{address}"))
    });

    rows.kind = "proxies by kubeconfig";
    for (scheme, kind) in [("http://", Kind::Http), ("https://", Kind::Https), ("socks5://", Kind::Socks)] {
        rows.works(format!("proxy-url: {scheme}host:port"), move || by_kubeconfig(scheme, kind));
    }
    rows.ours("as by the environment", "proxy-url: socks5h://host:port", || by_kubeconfig("socks5h://", Kind::Socks));
    rows.ours("as by the environment", "proxy-url: host:port", || by_kubeconfig("", Kind::Http));
    rows.fails("proxy-url: ftp://host:port", || by_kubeconfig("ftp://", Kind::Http));
    rows.works("NO_PROXY does not count", || by_kubeconfig("http://", Kind::Http).env("NO_PROXY", "*"));
    rows.works("it wins over the environment", || by_kubeconfig("http://", Kind::Http).env("HTTPS_PROXY", DEAD));
    rows.fails("it counts for loopback, too", || Case::new().cluster("proxy-url", DEAD));

    rows.kind = "proxies with a login";
    for (name, kind, scheme) in
        [("http", Kind::Http, "http"), ("https", Kind::Https, "https"), ("socks5", Kind::Socks, "socks5")]
    {
        let given = move |login: &'static str| {
            let (case, proxy) = far(kind, Some(("jane", "op:en@")));
            (case, format!("{scheme}://{login}{proxy}"))
        };
        rows.works(format!("{name}, by environment"), move || {
            let (case, url) = given("jane:op%3Aen%40@");
            case.env("HTTPS_PROXY", url)
        });
        rows.works(format!("{name}, by kubeconfig"), move || {
            let (case, url) = given("jane:op%3Aen%40@");
            case.cluster("proxy-url", url)
        });
        rows.fails(format!("{name}, another password"), move || {
            let (case, url) = given("jane:x@");
            case.env("HTTPS_PROXY", url)
        });
        rows.fails(format!("{name}, no login"), move || {
            let (case, url) = given("");
            case.env("HTTPS_PROXY", url)
        });
    }

    rows.kind = "NO_PROXY";
    for rules in [
        "other.test",
        "ar.test",
        "api.far.test.more",
        "api.far.test:443",
        ",,",
        " ",
        "10.0.0.0/8",
        "far.test:80",
        "*far.test",
        "x*",
    ] {
        rows.works(format!("NO_PROXY={rules:?} does not name {FAR}"), move || unless(rules));
    }
    for rules in [
        "*",
        "api.far.test",
        "API.FAR.TEST",
        "far.test",
        ".far.test",
        "*.far.test",
        "test",
        "api.far.test:6443",
        ".far.test:6443",
        ",,far.test,",
        " x , far.test ",
    ] {
        rows.fails(format!("NO_PROXY={rules:?} names {FAR}"), move || unless(rules));
    }
    rows.fails("no_proxy in small letters", || {
        by_environment("HTTPS_PROXY", "http://", Kind::Http).env("no_proxy", "far.test")
    });
    if let Some(ip @ IpAddr::V4(v4)) = KEYS.own_ip {
        let [a, b, c, _] = v4.octets();
        type Rule = fn(IpAddr, u16) -> String;
        let named: [(&str, Rule); 4] = [
            ("the address", |ip, _| ip.to_string()),
            ("the address and port", |ip, port| format!("{ip}:{port}")),
            ("everything", |_, _| "*".to_owned()),
            ("the address between others", |ip, _| format!("a.test,, {ip} ,b.test")),
        ];
        for (name, rule) in named {
            rows.works(format!("NO_PROXY names {name}"), move || only_if(ip, rule));
        }
        rows.fails("NO_PROXY names another port", move || only_if(ip, |ip, _| format!("{ip}:1")));
        rows.fails("NO_PROXY names another address", move || only_if(ip, |_, _| "198.51.100.7".to_owned()));
        rows.works("NO_PROXY names the network", move || only_if(ip, move |_, _| format!("{a}.{b}.{c}.0/24")));
        rows.works("NO_PROXY names a wide network", move || only_if(ip, move |_, _| format!("{a}.0.0.0/8")));
        rows.works("NO_PROXY names all networks", move || only_if(ip, |_, _| "0.0.0.0/0".to_owned()));
        rows.fails("NO_PROXY names another network", move || only_if(ip, |_, _| "198.51.100.0/24".to_owned()));
        for text in ["a b:80", " http://127.0.0.1:1", "%zz"] {
            rows.works(format!("HTTPS_PROXY={text:?} is no address and does not count"), move || {
                Case::listening(&Tls::new(&KEYS.server.certificate, &KEYS.server.key), ip).env("HTTPS_PROXY", text)
            });
        }
        rows.works("HTTP_PROXY and ALL_PROXY do not count", move || {
            let case = Case::listening(&Tls::new(&KEYS.server.certificate, &KEYS.server.key), ip);
            case.env("HTTP_PROXY", DEAD).env("ALL_PROXY", DEAD).env("all_proxy", DEAD)
        });
    }
    rows.rows
}

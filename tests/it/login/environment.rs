//! Which proxy the environment names, rule by rule.

use kubectl_escalate::source::kubernetes::{
    environment,
    kubeconfig::{Proxy, ProxyKind, Server},
};

fn proxy(server: &str, variables: &[(&str, &str)]) -> Result<Option<Proxy>, String> {
    let server = Server::read(server).expect("an address");
    let value = |name: &str| variables.iter().find(|(held, _)| *held == name).map(|(_, value)| (*value).to_owned());
    environment::proxy(&server, value)
}

fn is_direct(server: &str, no_proxy: &str) -> bool {
    proxy(server, &[("HTTPS_PROXY", "proxy.test"), ("NO_PROXY", no_proxy)]).expect("a proxy").is_none()
}

#[test]
fn a_proxy_is_named_with_and_without_a_scheme() {
    for (address, kind, host, port) in [
        ("proxy.test", ProxyKind::Http, "proxy.test", 80),
        ("proxy.test:3128", ProxyKind::Http, "proxy.test", 3128),
        ("http://proxy.test", ProxyKind::Http, "proxy.test", 80),
        ("https://proxy.test", ProxyKind::Https, "proxy.test", 443),
        ("socks5://proxy.test", ProxyKind::Socks, "proxy.test", 1080),
        ("socks5h://proxy.test:9050/", ProxyKind::Socks, "proxy.test", 9050),
        ("http://[2001:db8::7]:3128", ProxyKind::Http, "2001:db8::7", 3128),
        ("10.0.0.1:3128", ProxyKind::Http, "10.0.0.1", 3128),
    ] {
        let found = proxy("https://api.test", &[("HTTPS_PROXY", address)]).expect("a proxy").expect("a proxy");
        assert_eq!((found.kind, found.host.as_str(), found.port), (kind, host, port), "{address}");
        assert!(found.basic.is_none(), "{address}");
    }
}

#[test]
fn the_login_of_a_proxy_is_decoded_and_not_shown() {
    let found = proxy("https://api.test", &[("https_proxy", "jane:op%3Aen%40@proxy.test:3128")]);
    let found = found.expect("a proxy").expect("a proxy");
    assert_eq!(found.basic, Some(("jane".to_owned(), "op:en@".to_owned())));
    assert_eq!(found.shown(), "http://proxy.test:3128");
    let why = proxy("https://api.test", &[("HTTPS_PROXY", "ftp://jane:open@proxy.test")]).err().expect("a refusal");
    assert!(why.contains("ftp://proxy.test") && !why.contains("open"), "{why}");
}

#[test]
fn only_the_variable_of_the_scheme_counts() {
    let all = [("HTTP_PROXY", "a.test"), ("HTTPS_PROXY", "b.test"), ("ALL_PROXY", "c.test")];
    let host = |server: &str| proxy(server, &all).expect("a proxy").map(|proxy| proxy.host);
    assert_eq!(host("https://api.test").as_deref(), Some("b.test"));
    assert_eq!(host("http://api.test").as_deref(), Some("a.test"));
    let others = [("HTTP_PROXY", "a.test"), ("ALL_PROXY", "c.test"), ("all_proxy", "c.test")];
    assert!(proxy("https://api.test", &others).expect("none").is_none());
}

#[test]
fn loopback_is_never_reached_through_a_proxy() {
    for server in ["https://localhost:6443", "https://127.0.0.1", "https://127.8.9.1", "https://[::1]:6443"] {
        assert!(is_direct(server, ""), "{server}");
    }
    assert!(!is_direct("https://localhost.test", ""));
}

#[test]
fn no_proxy_names_hosts_as_go_reads_it() {
    for (server, no_proxy, wanted) in [
        ("https://api.test", "*", true),
        ("https://api.test", "api.test", true),
        ("https://API.test", "api.TEST", true),
        ("https://api.test", "test", true),
        ("https://api.test", ".test", true),
        ("https://test", ".test", false),
        ("https://test", "*.test", false),
        ("https://api.test", "*.test", true),
        ("https://api.test", "*test", false),
        ("https://myapi.test", "api.test", false),
        ("https://api.test", "api.test:443", true),
        ("https://api.test:6443", "api.test:443", false),
        ("https://api.test:6443", ".test:6443", true),
        ("https://api.test", " , ,api.test", true),
        ("https://api.test", ":443", false),
        ("https://api.test", ".", false),
        ("https://10.1.2.3", "10.0.0.0/8", true),
        ("https://11.1.2.3", "10.0.0.0/8", false),
        ("https://10.1.2.3", "10.1.2.3/32", true),
        ("https://10.1.2.3", "0.0.0.0/0", true),
        ("https://10.1.2.3", "10.0.0.0/33", false),
        ("https://10.1.2.3", "10.1.2.3", true),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", true),
        ("https://10.1.2.3:6443", "10.1.2.3:443", false),
        ("https://10.1.2.3", ".2.3", false),
        ("https://[2001:db8::7]", "2001:db8::/32", true),
        ("https://[2001:db8::7]", "2001:db8::7", true),
        ("https://[2001:db8::7]", "[2001:db8::7]", true),
        ("https://[2001:db8::7]:6443", "[2001:db8::7]:6443", true),
        ("https://[2001:db8::7]:6443", "[2001:db8::7]:443", false),
        ("https://[2001:db9::7]", "2001:db8::/32", false),
        ("https://[::ffff:10.1.2.3]", "10.0.0.0/8", true),
    ] {
        assert_eq!(is_direct(server, no_proxy), wanted, "{server} with NO_PROXY={no_proxy}");
    }
}

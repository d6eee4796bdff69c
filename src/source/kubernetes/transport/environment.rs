//! Owns which proxy the environment names for a server, as Go's `golang.org/x/net/http/httpproxy` decides it, which
//! kubectl uses. Unlike curl, it knows no `ALL_PROXY`, takes `HTTP_PROXY` for HTTP only, and never uses a proxy for
//! loopback.

use crate::source::kubernetes::kubeconfig::{Proxy, Server};
use std::net::IpAddr;

/// The proxy that these variables name for a server, if any.
///
/// # Errors
/// If it is no address of a proxy.
pub fn proxy(server: &Server, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let either = |name: &str| {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        filled(name).or_else(|| filled(&name.to_lowercase()))
    };
    let name = if server.is_tls() { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some(address) = either(name) else { return Ok(None) };
    if is_direct(server, &either("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    match Proxy::read(&address) {
        Ok(proxy) if !address.starts_with(char::is_whitespace) => Ok(Some(proxy)),
        Err(why) if address.starts_with(|first: char| first.is_ascii_alphabetic()) && address.contains("://") => {
            Err(format!("{name}: {why}"))
        }
        // Go passes over a text that is no address.
        _ => Ok(None),
    }
}

/// Whether a server is reached without a proxy.
fn is_direct(server: &Server, no_proxy: &str) -> bool {
    let host = server.host().to_lowercase();
    let ip = host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    let mut items = no_proxy.split(',').map(|item| item.trim().to_lowercase()).filter(|item| !item.is_empty());
    items.any(|item| match ip {
        _ if item == "*" => true,
        Some(ip) => names_ip(&item, ip, server.port()),
        None => names_host(&item, &host, server.port()),
    })
}

fn names_ip(item: &str, ip: IpAddr, port: u16) -> bool {
    if let Some((network, bits)) = item.split_once('/') {
        let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
        return is_within(ip, network, bits);
    }
    let (host, wanted) = host_and_port(item);
    host.parse::<IpAddr>().is_ok_and(|item| item.to_canonical() == ip)
        && wanted.is_none_or(|wanted| wanted == port.to_string())
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same =
        |ip: u128, network: u128, width: u32| bits <= width && (bits == 0 || (ip ^ network) >> (width - bits) == 0);
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => same(ip.to_bits().into(), network.to_bits().into(), 32),
        (IpAddr::V6(ip), IpAddr::V6(network)) => same(ip.to_bits(), network.to_bits(), 128),
        _ => false,
    }
}

fn names_host(item: &str, host: &str, port: u16) -> bool {
    let (name, wanted) = host_and_port(item);
    let name = name.strip_prefix('*').filter(|name| name.starts_with('.')).unwrap_or(name);
    let fits = match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    };
    !name.is_empty() && fits && wanted.is_none_or(|wanted| wanted == port.to_string())
}

/// `host`, `host:port`, `[IPv6]` and `[IPv6]:port`; an IPv6 address without brackets has no port.
fn host_and_port(item: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = item.strip_prefix('[').and_then(|item| item.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match item.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (item, None),
    }
}

//! Servers' certificates and who vouches for them.

use super::{Row, Rows};
use crate::{
    login::case::{Case, FAR, HERE, KEYS, packed, wrapped},
    support::{certificates::Pair, front::Tls},
};
use rcgen::SignatureAlgorithm;

const DATA: &str = "certificate-authority-data";
const FILE: &str = "certificate-authority";

/// Keys of every algorithm that Go and we know.
pub(super) fn algorithms() -> [(&'static str, &'static SignatureAlgorithm); 5] {
    [
        ("RSA", &rcgen::PKCS_RSA_SHA256),
        ("P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("P-521", &rcgen::PKCS_ECDSA_P521_SHA512),
        ("Ed25519", &rcgen::PKCS_ED25519),
    ]
}

fn vouched(pair: &Pair, authority: &str) -> Case {
    Case::with_tls(&Tls::new(&pair.certificate, &pair.key)).cluster(DATA, packed(authority))
}

fn without_authority(case: Case) -> Case {
    case.cluster(DATA, serde_json::Value::Null)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("authorities");
    let own = || KEYS.authority.certificate.clone();
    rows.works("data", Case::new);
    rows.works("data, wrapped", move || Case::new().cluster(DATA, wrapped(own(), "\n")));
    rows.works("data, wrapped by CRLF", move || Case::new().cluster(DATA, wrapped(own(), "\r\n")));
    rows.ours("spaces in base64", "data, wrapped by spaces", move || Case::new().cluster(DATA, wrapped(own(), " ")));
    rows.works("file, absolute", move || {
        let case = without_authority(Case::new());
        let path = case.file("ca.crt", own());
        case.cluster(FILE, path.to_string_lossy())
    });
    rows.works("file, relative", move || {
        let case = without_authority(Case::new());
        case.file("pki/ca.crt", own());
        case.cluster(FILE, "pki/ca.crt")
    });
    rows.fails("file, missing", || without_authority(Case::new()).cluster(FILE, "gone.crt"));
    rows.ours("data wins", "data and file", move || {
        let case = Case::new();
        case.file("ca.crt", own());
        case.cluster(FILE, "ca.crt")
    });
    let bundle = || {
        let (own, other) = (&KEYS.authority.certificate, &KEYS.other.certificate);
        format!("# Subject: other\n  issued by other\n{other}\n\n# Subject: authority\n{own}trailing words\n")
    };
    rows.works("bundle with comments", move || Case::new().cluster(DATA, packed(bundle())));
    rows.works("bundle with CRLF", move || Case::new().cluster(DATA, packed(bundle().replace('\n', "\r\n"))));
    rows.works("bundle with a block that is no certificate", move || {
        let key = &KEYS.other.key;
        Case::new().cluster(DATA, packed(format!("{key}\n{}", bundle())))
    });
    rows.works("bundle with a certificate that cannot be read", move || {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        Case::new().cluster(DATA, packed(format!("{}{broken}", bundle())))
    });
    rows.fails("no certificate at all", || Case::new().cluster(DATA, packed("none")));
    rows.fails("another authority", || Case::new().cluster(DATA, packed(&KEYS.other.certificate)));
    rows.fails("data that is no base64", || Case::new().cluster(DATA, "!!!"));
    rows.works("the server's own certificate", || vouched(&KEYS.server, &KEYS.server.certificate));
    for is_authority in [false, true] {
        let what = if is_authority { "an authority" } else { "no authority" };
        rows.works(format!("signed by itself, {what}"), move || {
            let alone = Pair::alone(&["127.0.0.1"], is_authority);
            vouched(&alone, &alone.certificate)
        });
        rows.fails(format!("signed by itself, {what}, other host"), move || {
            let alone = Pair::alone(&["elsewhere.test"], is_authority);
            vouched(&alone, &alone.certificate)
        });
        rows.fails(format!("signed by itself, {what}, not vouched for"), move || {
            vouched(&Pair::alone(&["127.0.0.1"], is_authority), &KEYS.other.certificate)
        });
    }
    rows.works("an authority as server", || {
        vouched(&KEYS.authority.server_as_authority(&["127.0.0.1"]), &KEYS.authority.certificate)
    });
    rows.fails("an authority as server, not vouched for", || {
        vouched(&KEYS.authority.server_as_authority(&["127.0.0.1"]), &KEYS.other.certificate)
    });
    rows.works("an authority as server, below another", || {
        let middle = KEYS.authority.intermediate("middle");
        let server = middle.server_as_authority(&["127.0.0.1"]);
        let chain = format!("{}{}", server.certificate, middle.certificate);
        Case::with_tls(&Tls::new(&chain, &server.key))
    });
    rows.fails("an authority as server, whose time is over", || {
        vouched(&KEYS.authority.expired(&["127.0.0.1"]), &KEYS.authority.certificate)
    });
    rows.fails("the server's own certificate, whose time is over", || {
        let server = KEYS.authority.expired(&["127.0.0.1"]);
        vouched(&server, &server.certificate)
    });
    rows.fails("a client's certificate, vouched for", || vouched(&KEYS.client, &KEYS.client.certificate));
    let middle = |chained: bool, vouched_for: bool| {
        let middle = KEYS.authority.intermediate("middle");
        let server = middle.server(&["127.0.0.1"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let chain = if chained { format!("{}{}", server.certificate, middle.certificate) } else { server.certificate };
        let case = Case::with_tls(&Tls::new(&chain, &server.key));
        if vouched_for { case.cluster(DATA, packed(middle.certificate)) } else { case }
    };
    rows.works("an intermediate that the server sends", move || middle(true, false));
    rows.fails("an intermediate that nobody has", move || middle(false, false));
    rows.works("an intermediate as authority", move || middle(false, true));
    rows.works("an intermediate as authority, sent too", move || middle(true, true));
    rows.fails("none, and not of the system", || without_authority(Case::new()));
    rows.works("none, but of the system", move || {
        let case = without_authority(Case::new());
        let path = case.file("system.crt", own());
        case.env("SSL_CERT_FILE", path.display())
    });
    rows.works("none, but the server's own of the system", || {
        let case = without_authority(Case::new());
        let path = case.file("system.crt", &KEYS.server.certificate);
        case.env("SSL_CERT_FILE", path.display())
    });
    rows.works("none, but in a folder of the system", move || {
        let case = without_authority(Case::new());
        case.file("folder/any name.txt", own());
        let folders = format!("/nowhere:{}", case.path("folder").display());
        case.env("SSL_CERT_DIR", folders)
    });
    rows.works("two begin lines", move || {
        Case::new().cluster(DATA, packed(format!("-----BEGIN CERTIFICATE-----\n{}", own())))
    });
    rows.works("spaces within PEM", move || Case::new().cluster(DATA, packed(own().replace("\nM", "\n M"))));
    rows.works("no line break at the end of PEM", move || Case::new().cluster(DATA, packed(own().trim_end())));
    rows.fails("PEM that is indented", move || Case::new().cluster(DATA, packed(own().replace("-----B", "  -----B"))));
    rows.works("not checked", || without_authority(Case::new()).cluster("insecure-skip-tls-verify", true));
    rows.works("not checked, other host", || {
        let alone = Pair::alone(&["elsewhere.test"], false);
        without_authority(vouched(&alone, "")).cluster("insecure-skip-tls-verify", true)
    });
    rows.fails("not checked, and data", || Case::new().cluster("insecure-skip-tls-verify", true));
    rows.fails("other host", || {
        let server = KEYS.authority.server(&["elsewhere.test"], &rcgen::PKCS_ECDSA_P256_SHA256);
        vouched(&server, &KEYS.authority.certificate)
    });
    rows.fails("only a common name", || {
        vouched(&KEYS.authority.server(&[], &rcgen::PKCS_ECDSA_P256_SHA256), &KEYS.authority.certificate)
    });
    rows.fails("a client's certificate", || vouched(&KEYS.client, &KEYS.authority.certificate));
    rows.works("tls-server-name", || Case::new().cluster("tls-server-name", FAR));
    rows.works("tls-server-name, wildcard", || {
        let server = KEYS.authority.server(&["*.wild.test"], &rcgen::PKCS_ECDSA_P256_SHA256);
        vouched(&server, &KEYS.authority.certificate).cluster("tls-server-name", "api.wild.test")
    });
    rows.works("tls-server-name that is an address", || Case::new().cluster("tls-server-name", "::1"));
    rows.fails("tls-server-name of another", || Case::new().cluster("tls-server-name", "other.test"));
    for (name, algorithm) in algorithms() {
        rows.works(format!("server's key {name}"), move || {
            vouched(&KEYS.authority.server(&["127.0.0.1"], algorithm), &KEYS.authority.certificate)
        });
        rows.works(format!("authority's key {name}"), move || {
            let authority = Pair::authority("another", algorithm);
            let server = authority.server(&["127.0.0.1"], &rcgen::PKCS_ECDSA_P256_SHA256);
            vouched(&server, &authority.certificate)
        });
    }
    let speaks = |protocols: &[&'static str]| {
        let mut tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
        tls.protocols = protocols.to_vec();
        Case::listening(&tls, HERE)
    };
    rows.kind = "protocols";
    rows.works("HTTP/1.1 only", move || speaks(&["http/1.1"]));
    rows.works("HTTP/2 only", move || speaks(&["h2"]));
    rows.works("HTTP/2 and HTTP/1.1", move || speaks(&["h2", "http/1.1"]));
    rows.works("no word about protocols", move || speaks(&[]));
    rows.ours("as a server with OpenSSL does to who offers only HTTP/1.1", "HTTP/2 without a word", || {
        let mut tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
        (tls.protocols, tls.insists) = (Vec::new(), true);
        Case::with_tls(&tls)
    });
    rows.rows
}

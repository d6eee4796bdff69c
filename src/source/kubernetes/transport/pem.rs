//! Owns PEM as Go reads it: what stands around the blocks is passed over, and so are blocks that cannot be read.

use base64::Engine as _;

/// The blocks of a text: their label and their bytes. Headers within a block are passed over.
pub(super) fn blocks(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(text);
    let mut found = Vec::new();
    let mut block: Option<(String, String)> = None;
    for line in text.lines().map(str::trim_end) {
        let label = |mark: &str| line.strip_prefix(mark).and_then(|rest| rest.strip_suffix("-----")).map(str::to_owned);
        if let Some(begun) = label("-----BEGIN ") {
            block = Some((begun, String::new()));
        } else if let Some(ended) = label("-----END ") {
            let decoded = block
                .take()
                .filter(|(begun, _)| *begun == ended)
                .and_then(|(_, body)| base64::engine::general_purpose::STANDARD.decode(body).ok());
            found.extend(decoded.map(|bytes| (ended, bytes)));
        } else if let Some((_, body)) = block.as_mut().filter(|_| !line.contains(':')) {
            body.extend(line.split_whitespace());
        }
    }
    found
}

/// The certificates of a text.
pub(super) fn certificates(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    blocks(text).into_iter().filter(|(label, _)| label == "CERTIFICATE").map(|(_, bytes)| bytes)
}

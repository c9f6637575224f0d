//! Whether what listens at a forwarded port speaks plain HTTP or TLS: nobody says, and a registry within a cluster is as often
//! the one as the other.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks in plain HTTP, with nothing secret, and tells whether that is what is spoken there.
pub(super) async fn is_plain(at: SocketAddr, host: &str) -> io::Result<bool> {
    let ask = async {
        let mut stream = TcpStream::connect(at).await?;
        let question = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        // The first line tells it.
        while answer.len() < 64 && stream.read_buf(&mut answer).await? > 0 {}
        io::Result::Ok(answer)
    };
    let answer: Vec<u8> = timeout(PATIENCE, ask).await.map_err(|_| io::ErrorKind::TimedOut)??;
    match answer.is_empty() {
        true => Err(io::Error::other("it closes the connection without a word")),
        false => Ok(speaks_plain(&answer)),
    }
}

/// A server of TLS answers a plain question with an alert, or with "400 Bad Request", by which it means the same.
fn speaks_plain(answer: &[u8]) -> bool {
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    status.is_some_and(|status| status != b"400")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(b"HTTP/1.1 200 OK\r\n", true)]
    #[case(b"HTTP/1.1 401 Unauthorized\r\n", true)]
    #[case(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.", false)]
    #[case(b"\x15\x03\x01\x00\x02\x02\x46", false)]
    #[case(b"HTTP/1.", false)]
    fn an_answer_tells_what_is_spoken(#[case] answer: &[u8], #[case] is_plain: bool) {
        assert_eq!(speaks_plain(answer), is_plain);
    }
}

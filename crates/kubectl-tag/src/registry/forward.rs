//! A port of this machine that leads to a port of a Pod, as `kubectl port-forward` makes one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A stream to the other end.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens streams to the other end.
pub(super) type Open = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Stream>>> + Send + Sync>;

/// A port of this machine, for as long as this value lives.
pub(super) struct Forward {
    pub(super) at: SocketAddr,
    listening: tokio::task::JoinHandle<()>,
}

impl Drop for Forward {
    fn drop(&mut self) {
        // What passes through it goes with it.
        self.listening.abort();
    }
}

impl Forward {
    /// Listens on this machine alone, and has each connection lead to a stream of its own.
    pub(super) async fn listen(open: Open) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let at = listener.local_addr()?;
        let listening = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                // Those that have ended.
                while passing.try_join_next().is_some() {}
                let open = open();
                passing.spawn(async move {
                    let ended = async { copy_bidirectional(&mut near, &mut open.await?).await }.await;
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a forwarded connection broke");
                    }
                });
            }
        });
        Ok(Self { at, listening })
    }
}

/// Opens streams to a port of a Pod, each through a request of its own.
pub(super) fn to_pod(pods: Api<Pod>, pod: String, port: u16) -> Open {
    Arc::new(move || {
        let (pods, pod) = (pods.clone(), pod.clone());
        async move {
            let mut forwarder = pods.portforward(&pod, &[port]).await.map_err(io::Error::other)?;
            let stream = forwarder.take_stream(port).ok_or_else(|| io::Error::other("it has no stream"))?;
            if let Some(failed) = forwarder.take_error(port) {
                tokio::spawn(async move {
                    if let Some(why) = failed.await {
                        tracing::debug!(%why, "the Pod does not take a forwarded connection");
                    }
                });
            }
            // What passes the bytes on ends with the stream.
            Ok(Box::new(stream) as Box<dyn Stream>)
        }
        .boxed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn say(at: SocketAddr, words: &str) -> String {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        heard
    }

    /// Says back what it hears.
    fn echo() -> Open {
        Arc::new(|| {
            async {
                let (near, far) = tokio::io::duplex(16);
                tokio::spawn(async move {
                    let (mut read, mut write) = tokio::io::split(far);
                    tokio::io::copy(&mut read, &mut write).await.unwrap();
                    write.shutdown().await.unwrap();
                });
                Ok(Box::new(near) as Box<dyn Stream>)
            }
            .boxed()
        })
    }

    #[tokio::test]
    async fn each_connection_has_a_stream_of_its_own() {
        let forward = Forward::listen(echo()).await.unwrap();
        assert!(forward.at.ip().is_loopback());
        let words = "more words than there is room for on the way";
        let (one, other) = tokio::join!(say(forward.at, words), say(forward.at, "other"));
        assert_eq!((one.as_str(), other.as_str()), (words, "other"));
    }

    #[tokio::test]
    async fn a_stream_that_can_not_be_opened_ends_its_connection_and_no_other() {
        let refuse: Open = Arc::new(|| async { Err(io::Error::other("no")) }.boxed());
        let forward = Forward::listen(refuse).await.unwrap();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(forward.at).await.unwrap();
            let mut heard = Vec::new();
            // It may be told as an end or as a break.
            let _ = stream.read_to_end(&mut heard).await;
            assert!(heard.is_empty());
        }
    }

    #[tokio::test]
    async fn nothing_listens_any_more_when_the_forward_is_gone() {
        let forward = Forward::listen(echo()).await.unwrap();
        let at = forward.at;
        drop(forward);
        let gone = async {
            while TcpStream::connect(at).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.unwrap();
    }
}

//! TLS for those who have no proxy before the server: a certificate and its key in two files, which are
//! read again when they change.

mod expiry;
mod pinned;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{rt, web};
use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use secrecy::zeroize::Zeroizing;
use thiserror::Error;
use time::OffsetDateTime;

use crate::config::TlsArgs;
use crate::request_log::chain;

pub(crate) use pinned::connect;

/// How often the files are looked at. Certificates are renewed weeks before they end.
const EVERY: Duration = Duration::from_secs(10);

/// Why a certificate and a key cannot be served with.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One of the two is missing.
    #[error("--tls-certificate and --tls-key go together: {missing} is missing")]
    Half {
        /// The flag that is missing.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("{flag}: {} cannot be read", path.display())]
    Unreadable {
        /// The flag that names it.
        flag: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has not what it is for.
    #[error("{flag}: {} holds no {wanted}", path.display())]
    Empty {
        /// The flag that names it.
        flag: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// The two files are not of each other.
    #[error(
        "the key in {} is not that of the first certificate in {}: the server's own certificate \
         comes first, then those that signed it",
        key.display(), certificate.display()
    )]
    Strangers {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
    },
    /// The library takes them not.
    #[error("{} and {} cannot be served with", certificate.display(), key.display())]
    Unusable {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What connections are encrypted with.
pub struct Tls {
    files: Files,
    /// What the files held when they were last looked at, whether it could be used or not; nothing if
    /// they could not be read.
    seen: Option<Contents>,
    served: Arc<Served>,
}

/// Where certificate and key are.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// The certificate that whoever connects next is shown.
pub(crate) struct Served {
    key: ArcSwap<CertifiedKey>,
    /// Whether the files hold something now that cannot be served with.
    is_behind: AtomicBool,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

impl Served {
    /// When the certificate ends, if it says so in a form that we read.
    pub(crate) fn not_after(&self) -> Option<OffsetDateTime> {
        self.key.load().cert.first().and_then(expiry::not_after)
    }

    /// Whether the files hold something now that cannot be served with, and are not followed.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

impl Tls {
    /// Reads what the settings name; `None` if they name nothing.
    ///
    /// # Errors
    /// A [`TlsError`] that says which file, and what is wrong with it.
    pub fn open(args: &TlsArgs) -> Result<Option<Self>, TlsError> {
        let files = match (&args.tls_certificate, &args.tls_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            (None, Some(_)) => {
                return Err(TlsError::Half {
                    missing: "--tls-certificate",
                });
            }
            (Some(_), None) => {
                return Err(TlsError::Half {
                    missing: "--tls-key",
                });
            }
        };
        let seen = files.read()?;
        let served = Arc::new(Served {
            key: ArcSwap::from_pointee(files.parse(&seen)?),
            is_behind: AtomicBool::new(false),
        });
        Ok(Some(Self {
            files,
            seen: Some(seen),
            served,
        }))
    }

    /// What is served, for whoever looks after it.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// What a listener needs: TLS 1.2 and 1.3, no certificates of clients.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let served: Arc<dyn ResolvesServerCert> = self.served.clone();
        Ok(config.with_cert_resolver(served))
    }

    /// Looks at the files again and again, as long as the server runs.
    pub(crate) async fn follow(mut self) {
        let mut turns = rt::time::interval(EVERY);
        loop {
            turns.tick().await;
            let looked = web::block(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(looked) => self = looked,
                Err(error) => {
                    tracing::error!(%error, "the files of the certificate are not looked at any more");
                    return;
                }
            }
        }
    }

    /// Takes over what is new in the files. What cannot be used changes nothing, and is told once.
    fn look(&mut self) {
        let contents = match self.files.read() {
            Ok(contents) => contents,
            Err(error) => {
                self.served.is_behind.store(true, Ordering::Relaxed);
                if self.seen.take().is_some() {
                    tracing::warn!(error = %chain(&error), "{KEPT}");
                }
                return;
            }
        };
        if self.seen.as_ref() == Some(&contents) {
            return;
        }
        let parsed = self.files.parse(&contents);
        self.served
            .is_behind
            .store(parsed.is_err(), Ordering::Relaxed);
        match parsed {
            Ok(key) => {
                self.served.key.store(Arc::new(key));
                let file = self.files.certificate.display();
                tracing::info!(%file, "the certificate was read anew");
            }
            Err(error) => tracing::warn!(error = %chain(&error), "{KEPT}"),
        }
        self.seen = Some(contents);
    }
}

/// What is told when the files cannot be used.
const KEPT: &str = "the certificate from before is served on";

impl Files {
    fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents {
            certificate: read("--tls-certificate", &self.certificate)?,
            key: Zeroizing::new(read("--tls-key", &self.key)?),
        })
    }

    fn parse(&self, contents: &Contents) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(
            "--tls-certificate",
            &self.certificate,
            &contents.certificate,
        )?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_: pem::Error| {
            TlsError::Empty {
                flag: "--tls-key",
                path: self.key.clone(),
                wanted: "private key in PEM that is not encrypted (PKCS #8, PKCS #1 or SEC 1)",
            }
        })?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(|source| {
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            match source {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    TlsError::Strangers { certificate, key }
                }
                source => TlsError::Unusable {
                    certificate,
                    key,
                    source,
                },
            }
        })
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        flag,
        path: path.to_owned(),
        source,
    })
}

/// The certificates in a file, of which there is at least one.
fn certificates(
    flag: &'static str,
    path: &Path,
    contents: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(TlsError::Empty {
            flag,
            path: path.to_owned(),
            wanted: "certificate in PEM",
        }),
    }
}

/// Named, so that what else is linked in decides nothing.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

use std::path::PathBuf;

use clap::Args;

/// What connections are encrypted with, where no proxy does it.
#[derive(Debug, Clone, Args)]
pub struct TlsArgs {
    /// The certificate to serve HTTPS with, in PEM, followed by those that signed it; read again when it
    /// changes [default: HTTP, for a proxy that has the certificate].
    #[arg(long, env = "PASSGATE_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,

    /// The key of the certificate, in PEM, not encrypted.
    #[arg(long, env = "PASSGATE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// What the URL listened on begins with.
    pub fn scheme(&self) -> &'static str {
        match self.tls_certificate {
            Some(_) => "https",
            None => "http",
        }
    }
}

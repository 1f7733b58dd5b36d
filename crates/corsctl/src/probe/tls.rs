//! How a gateway is known over TLS: by the certificate authorities of the system or of a file, or by its own
//! certificate in that file.

use std::sync::Arc;

use cors::escape::Shown;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// A connector that offers these protocols by ALPN, and trusts the authorities of a file, or the system's.
pub fn connector(protocols: &[&str], authorities: Option<&str>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let mut listed = Vec::new();
    match authorities {
        Some(file) => {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", Shown(file));
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                listed.push(certificate.clone());
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
        None => {
            // What a system holds and cannot be read is not used.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(match authorities {
            Some(file) => format!("--cacert {}: holds no certificate in PEM", Shown(file)),
            None => {
                "no certificate authorities are known here; name a file with --cacert".to_owned()
            }
        });
    }
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build();
    let authorities = verifier.map_err(|error| error.to_string())?;
    let mut config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier {
            authorities,
            listed,
        }))
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Asks the authorities, and takes a certificate that signs itself if the file lists it, as curl does.
#[derive(Debug)]
struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .authorities
            .verify_server_cert(own, intermediates, name, ocsp, now);
        match verified {
            // An authority is not taken for a server; what has expired is another error.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.listed.contains(own) =>
            {
                verify_server_name(&ParsedCertificate::try_from(own)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

//! The token on the wire of HTTP/2: in every request it is a literal that is never indexed, so that
//! no intermediary keeps it in a compression table (RFC 7541, section 7.1.3).
#![cfg(all(feature = "back-office", feature = "testing"))]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};
use tower::{ServiceBuilder, ServiceExt};
use tower_reauth::{
    BoxError, providers::back_office::BackOffice, replay::ReplayBody,
    testing::back_office::Simulator,
};

/// The name `authorization` in the static table (RFC 7541, appendix A).
const AUTHORIZATION: usize = 23;
/// The last of the static table.
const LAST_STATIC: usize = 61;

/// One field of a header block, as it is represented.
#[derive(Debug, PartialEq)]
enum Field {
    /// A whole field out of a table, whose name is this of the static table.
    Indexed(Option<usize>),
    /// A value in full, under a name out of the static table if there is one.
    Literal {
        name: Option<usize>,
        first_byte: u8,
        value: Vec<u8>,
    },
}

/// Passes the bytes of every connection on to `server`, and keeps those of the client.
async fn recorder(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let recorded = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let records = Arc::clone(&recorded);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let number = {
                let mut records = records.lock().unwrap();
                records.push(Vec::new());
                records.len() - 1
            };
            let records = Arc::clone(&records);
            let server = TcpStream::connect(server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                    records.lock().unwrap()[number].extend_from_slice(&buffer[..read]);
                    to_server.write_all(&buffer[..read]).await.unwrap();
                }
            });
        }
    });
    (address, recorded)
}

/// The header blocks of a client's connection, whole.
fn header_blocks(connection: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = connection
        .strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .expect("it is HTTP/2");
    let mut blocks = Vec::new();
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        let (kind, flags) = (rest[3], rest[4]);
        let payload = &rest[9..9 + length];
        match kind {
            // HEADERS, which hyper neither pads nor gives a priority, and never splits here.
            1 => {
                assert_eq!(flags & (0x08 | 0x20), 0);
                assert_eq!(flags & 0x04, 0x04);
                blocks.push(payload.to_vec());
            }
            9 => panic!("CONTINUATION"),
            _ => {}
        }
        rest = &rest[9 + length..];
    }
    blocks
}

/// Reads an integer with a prefix of so many bits (RFC 7541, section 5.1).
fn integer(block: &mut &[u8], bits: u32) -> usize {
    let most = (1 << bits) - 1;
    let mut value = usize::from(block[0]) & most;
    *block = &block[1..];
    if value == most {
        let mut shift = 0;
        loop {
            let byte = block[0];
            *block = &block[1..];
            value += usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    value
}

/// Reads a string as it is, Huffman code and all.
fn string(block: &mut &[u8]) -> Vec<u8> {
    let length = integer(block, 7);
    let (string, rest) = block.split_at(length);
    *block = rest;
    string.to_vec()
}

/// Reads a block. `table` holds the names of the dynamic table, newest first.
fn fields(block: &[u8], table: &mut Vec<Option<usize>>) -> Vec<Field> {
    let mut block = block;
    let mut fields = Vec::new();
    while let Some(&first_byte) = block.first() {
        let name_of = |index: usize, table: &[Option<usize>]| match index {
            1..=LAST_STATIC => Some(index),
            _ => table[index - LAST_STATIC - 1],
        };
        if first_byte & 0x80 != 0 {
            let index = integer(&mut block, 7);
            fields.push(Field::Indexed(name_of(index, table)));
            continue;
        }
        if first_byte & 0xE0 == 0x20 {
            assert!(integer(&mut block, 5) > 0, "the table is thrown away");
            continue;
        }
        let indexing = first_byte & 0xC0 == 0x40;
        let name = match integer(&mut block, if indexing { 6 } else { 4 }) {
            0 => {
                string(&mut block);
                None
            }
            index => name_of(index, table),
        };
        let value = string(&mut block);
        if indexing {
            table.insert(0, name);
        }
        fields.push(Field::Literal {
            name,
            first_byte,
            value,
        });
    }
    fields
}

#[tokio::test]
async fn the_token_is_a_literal_that_is_never_indexed_in_every_request() {
    const CALLS: usize = 20;
    let test = async {
        let server = Simulator::builder().start().await.unwrap();
        let (address, recorded) = recorder(server.address()).await;
        let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
            Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http();
        let back_office = BackOffice::builder(client.clone(), format!("http://{address}"))
            .credentials("foo@bar.com", "Secret123")
            .build()
            .unwrap();
        let session = back_office.session().build().unwrap();
        let api = ServiceBuilder::new().layer(session.layer()).service(client);
        for call in 0..CALLS {
            if call == CALLS / 2 {
                // From here on it is another token.
                server.revoke_access_tokens();
            }
            let request = Request::get(format!("http://{address}/users")).body(Full::default())?;
            let response = api.clone().oneshot(request).await?;
            assert_eq!(response.status(), StatusCode::OK);
            response.into_body().collect().await?;
        }
        session.sign_out().await?;
        let counts = server.counts();
        assert_eq!(
            (counts.sign_ins, counts.refreshes, counts.sign_outs_ok),
            (1, 1, 1)
        );
        assert_eq!((counts.api_calls, counts.violations), (CALLS as u64 + 1, 0));

        let recorded = recorded.lock().unwrap().clone();
        let mut values = Vec::new();
        let mut without = 0;
        for connection in recorded {
            let mut table = Vec::new();
            for block in header_blocks(&connection) {
                let mut found = 0;
                for field in fields(&block, &mut table) {
                    match field {
                        Field::Indexed(name) => assert_ne!(name, Some(AUTHORIZATION)),
                        Field::Literal {
                            name: Some(AUTHORIZATION),
                            first_byte,
                            value,
                        } => {
                            assert_eq!(first_byte >> 4, 0b0001, "{first_byte:08b}");
                            values.push(value);
                            found += 1;
                        }
                        // A name in full could be any.
                        Field::Literal { name, .. } => assert!(name.is_some()),
                    }
                }
                assert!(found <= 1);
                without += usize::from(found == 0);
            }
        }
        // One sign-in and one refresh; all else carried one of two tokens.
        assert_eq!(without, 2);
        assert_eq!(values.len(), CALLS + 2);
        let (first, second) = values.split_at(CALLS / 2 + 1);
        assert!(first.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(second.windows(2).all(|pair| pair[0] == pair[1]));
        assert_ne!(first[0], second[0]);
        Ok::<_, BoxError>(())
    };
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("it hangs")
        .unwrap();
}

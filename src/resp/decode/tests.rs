use proptest::prelude::*;

use super::*;

const OPEN: Limits = Limits { max_bulk: 512 * 1024 * 1024, authenticated: true };
const CLOSED: Limits = Limits { authenticated: false, ..OPEN };

/// All requests in `bytes`, fed in pieces that end at the given offsets, and the error that ended it, if any.
fn decode(bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let mut decoder = Decoder::default();
    let mut requests = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            match decoder.next(&bytes[start..end.max(start)], limits) {
                Ok(Step::Request(args, used)) => {
                    requests.push(args.iter().map(<[u8]>::to_vec).collect());
                    start += used;
                }
                Ok(Step::Nothing(used)) => start += used,
                Ok(Step::Incomplete(_)) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn error_of(bytes: &[u8], limits: Limits) -> Option<ProtocolError> {
    decode(bytes, &[], limits).1
}

fn encode(request: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for arg in request {
        bytes.extend(format!("${}\r\n", arg.len()).into_bytes());
        bytes.extend(arg);
        bytes.extend(b"\r\n");
    }
    bytes
}

#[test]
fn every_protocol_error_is_recognised() {
    use ProtocolError::*;
    let cases: [(&[u8], ProtocolError); 14] = [
        (b"*x\r\n", InvalidMultibulkLength),
        (b"*\r\n", InvalidMultibulkLength),
        (b"*+1\r\n", InvalidMultibulkLength),
        (b"*2147483648\r\n", InvalidMultibulkLength),
        (b"*1\r\n$x\r\n", InvalidBulkLength),
        (b"*1\r\n$-1\r\n", InvalidBulkLength),
        (b"*1\r\n$536870913\r\n", InvalidBulkLength),
        (b"*1\r\n$99999999999999999999\r\n", InvalidBulkLength),
        (b"*1\r\nPING\r\n", ExpectedDollar(b'P')),
        (b"*1\r\n\r\n", ExpectedDollar(b'\r')),
        (b"echo \"x\r\n", UnbalancedQuotes),
        (b"echo 'x\r\n", UnbalancedQuotes),
        (b"echo \"x\"y\r\n", UnbalancedQuotes),
        (b"\x16\x03\x01\x02", Encrypted),
    ];
    for (bytes, error) in cases {
        assert_eq!(error_of(bytes, OPEN), Some(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_line_may_be_64_kilobytes_and_no_longer() {
    let long = |start: &str, len: usize| [start.as_bytes(), &vec![b'1'; len]].concat();
    assert_eq!(error_of(&long("*", MAX_LINE - 1), OPEN), None);
    assert_eq!(error_of(&long("*", MAX_LINE), OPEN), Some(ProtocolError::TooBigMultibulkCount));
    assert_eq!(error_of(&long("*1\r\n$", MAX_LINE), OPEN), Some(ProtocolError::TooBigBulkCount));
    assert_eq!(error_of(&long("", MAX_LINE), OPEN), None);
    assert_eq!(error_of(&long("", MAX_LINE + 1), OPEN), Some(ProtocolError::TooBigInline));
    let ended = |line: Vec<u8>| [line, b"\r\n".to_vec()].concat();
    assert_eq!(
        error_of(&ended(long("", MAX_LINE)), OPEN),
        Some(ProtocolError::TooBigInline),
        "the carriage return counts"
    );
    assert_eq!(error_of(&ended(long("*", MAX_LINE)), OPEN), Some(ProtocolError::TooBigMultibulkCount));
}

#[test]
fn an_unauthenticated_peer_sends_small_requests_only() {
    assert_eq!(error_of(b"*10\r\n$16384\r\n", CLOSED), None);
    assert_eq!(error_of(b"*11\r\n", CLOSED), Some(ProtocolError::UnauthenticatedMultibulkLength));
    assert_eq!(error_of(b"*1\r\n$16385\r\n", CLOSED), Some(ProtocolError::UnauthenticatedBulkLength));
}

#[test]
fn empty_requests_are_passed_over() {
    let (requests, error) = decode(b"\r\n*0\r\n*-1\r\n\n  \r\nPING\r\n*-5\r\n*1\r\n$4\r\nPING\r\n", &[], OPEN);
    assert_eq!(error, None);
    assert_eq!(requests, [[b"PING"], [b"PING"]]);
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut decoder = Decoder::default();
    assert!(matches!(decoder.next(b"*2147483647\r\n$536870912\r\n", OPEN), Ok(Step::Incomplete(536_870_914))));
    assert!(decoder.spans.capacity() <= KEPT_SPANS);
}

#[test]
fn what_is_missing_of_an_announced_argument_is_known() {
    let request = encode(&[b"SET".to_vec(), b"key".to_vec(), vec![b'x'; 5000]]);
    let begin = request.len() - 5002;
    let mut decoder = Decoder::default();
    for arrived in [begin, begin + 1, begin + 4999, begin + 5001] {
        let missing = request.len() - arrived;
        assert!(matches!(decoder.next(&request[..arrived], OPEN), Ok(Step::Incomplete(n)) if n == missing));
    }
    assert!(matches!(decoder.next(&request, OPEN), Ok(Step::Request(_, used)) if used == request.len()));
    for text in ["", "*", "*1\r\n", "*1\r\n$100000", "get x"] {
        assert!(matches!(Decoder::default().next(text.as_bytes(), OPEN), Ok(Step::Incomplete(1))), "{text}");
    }
}

#[test]
fn p11_empty_arguments_cost_little_more_than_on_the_wire() {
    let arguments = vec![Vec::new(); 1 << 16];
    let request = encode(&arguments);
    let mut decoder = Decoder::default();
    assert!(matches!(decoder.next(&request[..request.len() - 1], OPEN), Ok(Step::Incomplete(_))));
    assert!(decoder.size_bytes() <= request.len() / 6 * 8);
}

#[test]
fn a_request_ends_before_4_gigabytes_whatever_the_limits() {
    let unlimited = Limits { max_bulk: usize::MAX, authenticated: true };
    assert_eq!(error_of(b"*1\r\n$4294967282\r\n", unlimited), Some(ProtocolError::InvalidBulkLength));
    assert_eq!(error_of(b"*1\r\n$4294967200\r\n", unlimited), None);
}

#[test]
fn integers_have_one_form_only() {
    let valid: [(&str, i64); 6] = [
        ("0", 0),
        ("7", 7),
        ("-12", -12),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("10", 10),
    ];
    for (text, value) in valid {
        assert_eq!(parse_integer(text.as_bytes()), Some(value));
    }
    for text in ["", "-", "-0", "01", "+1", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809"] {
        assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
    }
}

/// An argument; its length may have any number of digits up to four.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![8 => 0..12usize, 4 => 95..105usize, 1 => 995..1005usize];
    len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let multibulk = prop::collection::vec(argument(), 0..5).prop_map(|r| encode(&r));
    let inline = "[a-z]{1,5}( [a-z]{1,5}| \"[a-z\\\\n]{0,4}\"){0,3}\r?\n".prop_map(String::into_bytes);
    let noise = prop::collection::vec(prop::sample::select(b"*$19\r\n-a\"".to_vec()), 0..12);
    let mixed = prop_oneof![4 => multibulk, 2 => inline, 1 => noise];
    prop::collection::vec(mixed, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_result_is_the_same_however_the_bytes_are_split(
        bytes in requests(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = decode(&bytes, &[], OPEN);
        prop_assert_eq!(&decode(&bytes, &cuts, OPEN), &whole);
        let every_byte: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&decode(&bytes, &every_byte, OPEN), &whole);
    }

    #[test]
    fn arguments_are_binary_safe(request in prop::collection::vec(argument(), 1..8)) {
        let (requests, error) = decode(&encode(&request), &[], OPEN);
        prop_assert_eq!(error, None);
        prop_assert_eq!(requests, [request]);
    }
}

//! Data types survive a round trip through JSON.
#![cfg(feature = "serde")]

use gmp_math::boundary::Boundary;
use gmp_math::uniform::AngleDistribution;

#[test]
fn data_types_round_trip() {
    let boundary = Boundary::new(vec![0.1, -2.5e-7], 3.0);
    let text = serde_json::to_string(&boundary).unwrap();
    assert_eq!(text, r#"{"normal":[0.1,-2.5e-7],"offset":3.0}"#);
    assert_eq!(serde_json::from_str::<Boundary<f64>>(&text).unwrap(), boundary);
    let law = AngleDistribution::new(10, 3);
    let text = serde_json::to_string(&law).unwrap();
    assert_eq!(serde_json::from_str::<AngleDistribution>(&text).unwrap(), law);
    // What the constructor refuses cannot be read either.
    let read = |inputs, angle| {
        serde_json::from_str::<AngleDistribution>(&format!(r#"{{"inputs":{inputs},"angle":{angle}}}"#))
    };
    assert_eq!(read(3, 1).unwrap(), AngleDistribution::new(3, 1));
    for (inputs, angle) in [(3, 7), (3, 3), (3, 2), (1, 0), (0, 0)] {
        assert!(read(inputs, angle).is_err(), "angle {angle} of {inputs} inputs");
    }
}

//! Bytes of a JPEG or PNG file to RGB, as Pillow's `convert("RGB")` reads them.

use super::Picture;
use png::{ColorType, Transformations};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Neither format packs more pixels into a byte (a flat JPEG takes 6 bits for 256 of them), so a larger claim is
/// a lie that would only cost memory.
const MOST_PIXELS_PER_BYTE: usize = 1024;
/// The largest picture of ILSVRC has 61 million pixels.
const MOST_PIXELS: usize = 1 << 27;

/// Decodes a picture by what its bytes are, not by its name: ILSVRC holds a PNG called JPEG.
pub(super) fn decode(bytes: &[u8], picture: &mut Picture) -> Result<(), String> {
    // The decoders are others' code on anyone's bytes: a panic of theirs costs one picture, not the run.
    catch_unwind(AssertUnwindSafe(|| match bytes {
        [0xff, 0xd8, ..] => jpeg(bytes, picture),
        [0x89, b'P', b'N', b'G', ..] => png(bytes, picture),
        [] => Err("an empty file".into()),
        _ => Err("neither a JPEG nor a PNG".into()),
    }))
    .unwrap_or_else(|_| Err("its decoder panicked".into()))
}

fn check_size(width: usize, height: usize, bytes: usize) -> Result<(), String> {
    let pixels = width.saturating_mul(height);
    // A JPEG has no longer side than that; a PNG might claim one.
    let longest = usize::from(u16::MAX);
    if pixels == 0
        || width.max(height) > longest
        || pixels > MOST_PIXELS.min(bytes.saturating_mul(MOST_PIXELS_PER_BYTE))
    {
        return Err(format!("claims {width}×{height} pixels in {bytes} bytes"));
    }
    Ok(())
}

/// Greyscale is repeated over the channels; CMYK and YCCK are composed as `ink · black / 255` on Adobe's inverted
/// values, as Pillow does.
fn jpeg(bytes: &[u8], picture: &mut Picture) -> Result<(), String> {
    let read = |strict, picture: &mut Picture| {
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_strict_mode(strict)
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX));
        let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
        decoder.decode_headers().map_err(|error| error.to_string())?;
        let info = decoder.info().ok_or("no header")?;
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        check_size(width, height, bytes.len())?;
        match decoder.input_colorspace() {
            Some(
                ColorSpace::Luma | ColorSpace::YCbCr | ColorSpace::RGB | ColorSpace::CMYK | ColorSpace::YCCK,
            ) => {}
            other => return Err(format!("a JPEG of colour space {other:?}")),
        }
        picture.resize(height, width);
        decoder.decode_into(&mut picture.pixels).map_err(|error| error.to_string())
    };
    // Strict decoding alone tells a file that was cut short, but also rejects harmless oddities that other
    // decoders pass over: a file that has its end marker is read as they read it.
    read(true, picture).or_else(|problem| {
        let tail = &bytes[bytes.len().saturating_sub(1024)..];
        if tail.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            read(false, picture)
        } else {
            Err(format!("a JPEG cut short: {problem}"))
        }
    })
}

/// Transparency is dropped.
fn png(bytes: &[u8], picture: &mut Picture) -> Result<(), String> {
    let error = |error: png::DecodingError| error.to_string();
    let limits = png::Limits { bytes: bytes.len().saturating_mul(4 * MOST_PIXELS_PER_BYTE) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    // Compressed, and of no use here: unpacked they might be a thousand times as large as the file.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(error)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_size(width, height, bytes.len())?;
    let mut raw = vec![0; reader.output_buffer_size().ok_or("too large a PNG")?];
    let frame = reader.next_frame(&mut raw).map_err(error)?;
    picture.resize(height, width);
    let pixels = picture.pixels.chunks_exact_mut(3);
    match frame.color_type {
        ColorType::Rgb => pixels.zip(raw.chunks_exact(3)).for_each(|(to, from)| to.copy_from_slice(from)),
        ColorType::Rgba => {
            pixels.zip(raw.chunks_exact(4)).for_each(|(to, from)| to.copy_from_slice(&from[..3]))
        }
        ColorType::Grayscale => pixels.zip(&raw).for_each(|(to, &from)| to.fill(from)),
        ColorType::GrayscaleAlpha => pixels.zip(raw.chunks_exact(2)).for_each(|(to, from)| to.fill(from[0])),
        ColorType::Indexed => return Err("a PNG whose palette was not expanded".into()),
    }
    Ok(())
}

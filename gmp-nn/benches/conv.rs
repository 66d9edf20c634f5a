//! Speed of convolutions.
use gmp_nn::conv::*;
use std::time::Instant;
fn main() {
    let threads = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    for (name, b, h, c, n) in [("32 128-128", 32, 32, 128, 128), ("16 128-256", 32, 16, 128, 256), ("16 256-256", 32, 16, 256, 256), ("8 256-512", 32, 8, 256, 512), ("8 512-512", 32, 8, 512, 512), ("56 64-64", 8, 56, 64, 64), ("28 128-128", 8, 28, 128, 128), ("14 256-256", 8, 14, 256, 256), ("7 512-512", 8, 7, 512, 512)] {
        let g = Geometry::new(Images { batch: b, height: h, width: h, channels: c }, Window::new(3, 1, Padding::Same), n).unwrap();
        let x = vec![0.5f32; b * h * h * c];
        let mut dx = x.clone();
        let w = vec![0.01f32; 9 * c * n];
        let mut dw = w.clone();
        let mut y = vec![0.1f32; b * h * h * n];
        let mut s = Vec::new();
        let flops = 2.0 * (b * h * h * 9 * c * n) as f64;
        print!("{name:12}");
        for pass in 0..3 {
            let mut best = f64::MAX;
            for _ in 0..8 {
                let t = Instant::now();
                bench_winograd(&g, &x, &w, &mut y, &mut dx, &mut dw, &mut s, pass);
                best = best.min(t.elapsed().as_secs_f64());
            }
            print!("  {:7.0} ({:6.2} ms)", flops / best / 1e9, best * 1e3);
        }
        println!("   scratch {:.1} MB", s.len() as f64 * 4e-6);
    }
}

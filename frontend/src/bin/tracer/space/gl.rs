//! A little of WebGL2: programs, buffers, textures, and how much was uploaded.

use js_sys::{Float32Array, Uint32Array};
use wasm_bindgen::JsCast;
use web_sys::WebGl2RenderingContext as Gl;
use web_sys::{
    OffscreenCanvas, WebGlBuffer, WebGlContextAttributes, WebGlProgram, WebGlTexture,
    WebGlUniformLocation, WebGlVertexArrayObject,
};

/// The context of a canvas; none where the browser or its graphics card has no WebGL2.
pub(super) fn context(canvas: &OffscreenCanvas) -> Option<Gl> {
    let attributes = WebGlContextAttributes::new();
    attributes.set_alpha(false);
    attributes.set_antialias(true);
    attributes.set_power_preference(web_sys::WebGlPowerPreference::HighPerformance);
    canvas.get_context_with_context_options("webgl2", &attributes).ok().flatten()?.dyn_into().ok()
}

/// A program, and its uniforms by name.
pub(super) struct Program {
    gl: Gl,
    program: WebGlProgram,
    uniforms: Vec<(String, WebGlUniformLocation)>,
}

impl Program {
    /// Compiles both parts.
    pub(super) fn new(gl: &Gl, vertex: &str, fragment: &str) -> Result<Self, String> {
        let program = gl.create_program().ok_or("the graphics card is gone")?;
        for (kind, source) in [(Gl::VERTEX_SHADER, vertex), (Gl::FRAGMENT_SHADER, fragment)] {
            let shader = gl.create_shader(kind).ok_or("the graphics card is gone")?;
            gl.shader_source(&shader, source);
            gl.compile_shader(&shader);
            gl.attach_shader(&program, &shader);
            if gl.get_shader_parameter(&shader, Gl::COMPILE_STATUS).is_falsy() {
                return Err(gl.get_shader_info_log(&shader).unwrap_or_default());
            }
        }
        gl.link_program(&program);
        if gl.get_program_parameter(&program, Gl::LINK_STATUS).is_falsy() {
            return Err(gl.get_program_info_log(&program).unwrap_or_default());
        }
        let count = gl.get_program_parameter(&program, Gl::ACTIVE_UNIFORMS).as_f64();
        let mut uniforms = Vec::new();
        for index in 0..count.unwrap_or(0.0) as u32 {
            let Some(info) = gl.get_active_uniform(&program, index) else { continue };
            let name = info.name();
            if let Some(place) = gl.get_uniform_location(&program, &name) {
                uniforms.push((name.trim_end_matches("[0]").to_owned(), place));
            }
        }
        Ok(Self { gl: gl.clone(), program, uniforms })
    }

    /// Draws with it from now on.
    pub(super) fn enter(&self) {
        self.gl.use_program(Some(&self.program));
    }

    fn place(&self, name: &str) -> Option<&WebGlUniformLocation> {
        self.uniforms.iter().find(|(of, _)| of == name).map(|(_, place)| place)
    }

    /// Sets a uniform of one to four numbers; what the program does not use is left out.
    pub(super) fn set(&self, name: &str, numbers: &[f32]) {
        let place = self.place(name);
        match *numbers {
            [x] => self.gl.uniform1f(place, x),
            [x, y] => self.gl.uniform2f(place, x, y),
            [x, y, z] => self.gl.uniform3f(place, x, y, z),
            [x, y, z, w] => self.gl.uniform4f(place, x, y, z, w),
            _ => {}
        }
    }

    /// Sets a matrix.
    pub(super) fn set_matrix(&self, name: &str, numbers: &[f32]) {
        self.gl.uniform_matrix4fv_with_f32_array(self.place(name), false, numbers);
    }

    /// Sets an array of pairs.
    pub(super) fn set_pairs(&self, name: &str, numbers: &[f32]) {
        self.gl.uniform2fv_with_f32_array(self.place(name), numbers);
    }

    /// Sets an array of colors.
    pub(super) fn set_colors(&self, name: &str, numbers: &[f32]) {
        self.gl.uniform3fv_with_f32_array(self.place(name), numbers);
    }

    /// Sets a pair of indexes.
    pub(super) fn set_indexes(&self, name: &str, [x, y]: [u32; 2]) {
        self.gl.uniform2ui(self.place(name), x, y);
    }

    /// Sets the unit of a texture.
    pub(super) fn set_unit(&self, name: &str, unit: i32) {
        self.gl.uniform1i(self.place(name), unit);
    }
}

/// Instances of which each is a quad or more.
pub(super) struct Instances {
    gl: Gl,
    buffer: WebGlBuffer,
    array: WebGlVertexArrayObject,
    /// How many there are.
    pub(super) count: i32,
}

impl Instances {
    /// Instances of four whole numbers, or of twice four floating ones.
    pub(super) fn new(gl: &Gl, whole: bool) -> Result<Self, String> {
        let buffer = gl.create_buffer().ok_or("the graphics card is gone")?;
        let array = gl.create_vertex_array().ok_or("the graphics card is gone")?;
        gl.bind_vertex_array(Some(&array));
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&buffer));
        if whole {
            gl.vertex_attrib_i_pointer_with_i32(0, 4, Gl::UNSIGNED_INT, 16, 0);
        } else {
            gl.vertex_attrib_pointer_with_i32(0, 4, Gl::FLOAT, false, 32, 0);
            gl.vertex_attrib_pointer_with_i32(1, 4, Gl::FLOAT, false, 32, 16);
            gl.enable_vertex_attrib_array(1);
            gl.vertex_attrib_divisor(1, 1);
        }
        gl.enable_vertex_attrib_array(0);
        gl.vertex_attrib_divisor(0, 1);
        gl.bind_vertex_array(None);
        Ok(Self { gl: gl.clone(), buffer, array, count: 0 })
    }

    /// Uploads whole numbers. Gives the bytes.
    pub(super) fn fill(&mut self, items: &[[u32; 4]]) -> f64 {
        self.upload(&Uint32Array::from(items.as_flattened()), items.len())
    }

    /// Uploads floating numbers. Gives the bytes.
    pub(super) fn fill_places(&mut self, items: &[[f32; 8]]) -> f64 {
        self.upload(&Float32Array::from(items.as_flattened()), items.len())
    }

    fn upload(&mut self, numbers: &js_sys::Object, count: usize) -> f64 {
        self.count = i32::try_from(count).unwrap_or(0);
        self.gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.buffer));
        self.gl.buffer_data_with_array_buffer_view(Gl::ARRAY_BUFFER, numbers, Gl::DYNAMIC_DRAW);
        js_sys::Reflect::get(numbers, &"byteLength".into())
            .ok()
            .and_then(|bytes| bytes.as_f64())
            .unwrap_or(0.0)
    }

    /// Draws all of them, in one call.
    pub(super) fn draw(&self, mode: u32, vertices: i32) {
        if self.count > 0 {
            self.gl.bind_vertex_array(Some(&self.array));
            self.gl.draw_arrays_instanced(mode, 0, vertices, self.count);
        }
    }
}

/// A texture whose texels are not mixed, or one with text.
pub(super) fn texture(gl: &Gl, unit: u32, smooth: bool) -> Result<WebGlTexture, String> {
    let texture = gl.create_texture().ok_or("the graphics card is gone")?;
    gl.active_texture(Gl::TEXTURE0 + unit);
    gl.bind_texture(Gl::TEXTURE_2D, Some(&texture));
    let filter = if smooth { Gl::LINEAR } else { Gl::NEAREST }.cast_signed();
    let edge = Gl::CLAMP_TO_EDGE.cast_signed();
    for (name, value) in [
        (Gl::TEXTURE_MIN_FILTER, filter),
        (Gl::TEXTURE_MAG_FILTER, filter),
        (Gl::TEXTURE_WRAP_S, edge),
        (Gl::TEXTURE_WRAP_T, edge),
    ] {
        gl.tex_parameteri(Gl::TEXTURE_2D, name, value);
    }
    Ok(texture)
}

/// Fills the texture of a unit with pairs, in rows of `width`. Gives the bytes.
pub(super) fn fill_pairs(gl: &Gl, unit: u32, pairs: &[[f32; 2]], width: u32) -> f64 {
    let rows = pairs.len().div_ceil(width as usize).max(1);
    let mut padded = pairs.to_vec();
    padded.resize(rows * width as usize, [0.0; 2]);
    let numbers = Float32Array::from(padded.as_flattened());
    gl.active_texture(Gl::TEXTURE0 + unit);
    // It fails only where memory is short; then the picture stays as it was.
    let _ = gl.tex_image_2d_with_i32_and_i32_and_i32_and_format_and_type_and_opt_array_buffer_view(
        Gl::TEXTURE_2D,
        0,
        Gl::RG32F.cast_signed(),
        width.cast_signed(),
        i32::try_from(rows).unwrap_or(1),
        0,
        Gl::RG,
        Gl::FLOAT,
        Some(&numbers),
    );
    f64::from(numbers.byte_length())
}

/// Fills the texture of a unit with a canvas. Gives the bytes.
pub(super) fn fill_canvas(gl: &Gl, unit: u32, canvas: &OffscreenCanvas) -> f64 {
    gl.active_texture(Gl::TEXTURE0 + unit);
    let _ = gl.tex_image_2d_with_u32_and_u32_and_offscreen_canvas(
        Gl::TEXTURE_2D,
        0,
        Gl::RGBA.cast_signed(),
        Gl::RGBA,
        Gl::UNSIGNED_BYTE,
        canvas,
    );
    f64::from(canvas.width()) * f64::from(canvas.height()) * 4.0
}

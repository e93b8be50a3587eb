//! What the graphics card runs. Nothing here changes as time goes on but `u_now`.

/// Texels in a row of the texture of nodes.
pub(super) const NODES: u32 = 2_048;

/// What programs that draw from nodes have in common.
const HEAD: &str = "#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
uniform mat4 u_matrix;
uniform vec2 u_screen;
uniform float u_ratio;
uniform sampler2D u_nodes;
uniform vec2 u_height;
uniform float u_now;
uniform vec2 u_fog;
uniform vec3 u_back;
vec2 node(uint index) {
  return texelFetch(u_nodes, ivec2(int(index % 2048u), int(index / 2048u)), 0).xy;
}
float height(float time) { return u_height.x + time * u_height.y; }
float fog(float depth) { return clamp((depth - u_fog.x) * u_fog.y, 0.0, 1.0) * 0.62; }
const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);
const float NEAR = 1e-5;
";

/// Lines and ribbons: a quad for each segment.
pub(super) const SEGMENT: &str = "
layout(location = 0) in uvec4 a_item;
uniform float u_width;
uniform vec3 u_right;
uniform vec2 u_look[8];
uniform vec3 u_colors[8];
uniform uvec2 u_chosen;
uniform float u_tip;
out vec3 v_color;
out vec3 v_shape;
flat out vec2 v_round;
void main() {
  float begin = uintBitsToFloat(a_item.y);
  float end = min(uintBitsToFloat(a_item.z), u_now);
  gl_Position = NOWHERE;
  if (begin >= end && !(begin == end && begin < u_now)) return;
  uint shade = a_item.w & 7u;
  bool ribbon = (a_item.w & 16u) != 0u;
  vec2 look = u_look[shade];
  // What is not wanted.
  if ((a_item.w & 32u) != 0u) look *= vec2(0.6, 0.14);
  float last = float(gl_VertexID >> 1);
  float side = float(gl_VertexID & 1) * 2.0 - 1.0;
  vec2 place = node(a_item.x);
  vec3 color = u_colors[shade];
  v_shape = vec3(side, 1e6, 0.0);
  v_round = vec2(0.0);
  if (ribbon) {
    float radius = node(a_item.x + 1u).x;
    float lane = float((a_item.w >> (side < 0.0 ? 8 : 20)) & 4095u) / 4095.0 * 2.0 - 1.0;
    vec3 middle = vec3(place.x, height(last > 0.5 ? end : begin), place.y);
    gl_Position = u_matrix * vec4(middle + u_right * lane * radius * 0.9, 1.0);
    float far = fog(gl_Position.w);
    v_shape.x = lane * 0.8;
    v_color = mix(u_back, color, look.y * (1.0 - far));
    v_round.x = 1.0;
    return;
  }
  vec4 a = u_matrix * vec4(place.x, height(begin), place.y, 1.0);
  vec4 b = u_matrix * vec4(place.x, height(end), place.y, 1.0);
  if (a.w < NEAR && b.w < NEAR) return;
  if (a.w < NEAR) a = mix(a, b, (NEAR - a.w) / (b.w - a.w));
  if (b.w < NEAR) b = mix(b, a, (NEAR - b.w) / (a.w - b.w));
  vec2 across = (b.xy / b.w - a.xy / a.w) * u_screen * 0.5;
  float span = length(across);
  vec2 along = span > 1e-5 ? across / span : vec2(0.0, -1.0);
  bool chosen = a_item.x == u_chosen.x || a_item.x == u_chosen.y;
  vec4 here = last > 0.5 ? b : a;
  float wide = u_width * look.x * u_screen.y / here.w;
  if (chosen) wide = max(wide * 1.9, 3.2 * u_ratio);
  float pixels = clamp(wide, 1.0 * u_ratio, 26.0 * u_ratio);
  // What is shorter than a pixel and a half is drawn that long: what runs briefly is seen.
  float more = last > 0.5 ? max(0.0, 1.5 * u_ratio - span) : 0.0;
  vec2 shift = vec2(-along.y, along.x) * side * pixels * 0.5 + along * more;
  float depth = here.w;
  here.xy += shift / (u_screen * 0.5) * here.w;
  // What is rarer stays on top where two share a pixel.
  here.z -= here.w * (8.0 - float(shade)) * 2e-5;
  gl_Position = here;
  float thin = clamp(wide / (1.0 * u_ratio), 0.3, 1.0);
  float strong = look.y * (1.0 - fog(depth)) * thin;
  if (chosen) strong = 1.0;
  v_color = mix(u_back, color, strong);
  v_round = vec2(smoothstep(2.0, 6.0, pixels / u_ratio), shade == 0u ? 1.0 : 0.4);
  // How far the growing end is, in pixels; only of what goes on.
  bool grows = uintBitsToFloat(a_item.z) > u_now && u_tip > 0.0;
  v_shape.y = grows ? (1.0 - last) * span / u_ratio : 1e6;
  v_shape.z = grows ? 1.0 : 0.0;
}
";

/// Colors of lines and ribbons.
pub(super) const SEGMENT_COLOR: &str = "#version 300 es
precision highp float;
in vec3 v_color;
in vec3 v_shape;
flat in vec2 v_round;
uniform vec3 u_light;
out vec4 color;
void main() {
  float edge = v_shape.x * v_shape.x;
  vec3 round = v_color * (1.0 - 0.32 * edge * v_round.x) + u_light * 0.1 * (1.0 - edge) * v_round.x;
  float tip = v_shape.z > 0.0 ? exp(-v_shape.y / 9.0) * v_round.y : 0.0;
  color = vec4(mix(round, u_light, tip * 0.75), 1.0);
}
";

/// Links: a quad for the line, and one for what travels on it.
pub(super) const LINK: &str = "
layout(location = 0) in uvec4 a_item;
uniform float u_travel;
uniform vec2 u_links;
uniform vec3 u_kinds[5];
uniform vec2 u_rest;
uniform uvec2 u_chosen;
uniform float u_width;
out vec4 v_color;
out vec2 v_at;
flat out float v_head;
void main() {
  float time = uintBitsToFloat(a_item.z);
  gl_Position = NOWHERE;
  if (time > u_now || a_item.x == a_item.y) return;
  uint kind = a_item.w & 15u;
  float weight = float((a_item.w >> 8) & 255u);
  bool created = kind == 15u;
  // What lay in a buffer is under way as long as it did, and level with the time shown.
  float under = float(a_item.w >> 16);
  float later = under > 0.5 ? exp2(under / 1600.0) : 0.0;
  float age = (u_now - time) / max(u_travel, later);
  float gone = clamp(age, 0.0, 1.0);
  float eased = later > u_travel ? gone : gone * gone * (3.0 - 2.0 * gone);
  bool chosen = a_item.x == u_chosen.x || a_item.y == u_chosen.x;
  bool some = u_chosen.x != 0xffffffffu;
  float y = height(time);
  vec2 from = node(a_item.x);
  vec2 to = node(a_item.y);
  vec4 a = u_matrix * vec4(from.x, y, from.y, 1.0);
  vec4 b = u_matrix * vec4(to.x, height(time + later), to.y, 1.0);
  if (a.w < NEAR && b.w < NEAR) return;
  if (a.w < NEAR) a = mix(a, b, (NEAR - a.w) / (b.w - a.w));
  if (b.w < NEAR) b = mix(b, a, (NEAR - b.w) / (a.w - b.w));
  vec4 tip = mix(a, b, created ? 1.0 : eased);
  vec2 across = (tip.xy / tip.w - a.xy / a.w) * u_screen * 0.5;
  float span = length(across);
  vec2 along = span > 1e-5 ? across / span : vec2(1.0, 0.0);
  vec2 right = vec2(-along.y, along.x);
  int group = created ? 4 : kind <= 2u || kind == 14u ? 0 : kind == 3u ? 1 : kind <= 5u ? 2 : 3;
  float bright = created ? u_links.x : u_links.y * (group == 0 || group == 1 ? 1.0 : 0.6);
  float fresh = created ? 0.0 : gone < 1.0 ? 1.0 : exp(1.0 - age) * 0.9;
  float rest = created ? min(0.8, u_rest.x * 3.0) : max(u_rest.x, clamp(weight / 90.0, 0.0, 0.7) * 0.7);
  float alpha = bright * max(rest, fresh);
  if (some) alpha = chosen ? max(alpha, 0.95) : alpha * 0.35;
  if ((a_item.w & 32u) != 0u) alpha *= 0.15;
  if (weight > 1.0) alpha *= 0.35 + weight / 180.0;
  float line = 1.1 + fresh * 0.7 + (chosen ? 0.8 : 0.0) + weight / 50.0;
  line *= u_ratio * u_rest.y;
  vec4 here;
  vec2 shift;
  int corner = gl_VertexID % 6;
  float side = (corner == 1 || corner == 2 || corner == 4) ? 1.0 : -1.0;
  float last = (corner == 2 || corner >= 4) ? 1.0 : 0.0;
  bool head = gl_VertexID >= 6;
  if (!head) {
    here = last > 0.5 ? tip : a;
    shift = right * side * line * 0.5;
    v_at = vec2(side, 0.0);
  } else {
    float size = (created ? 0.0 : clamp(u_width * 2.4 * u_screen.y / tip.w, 3.5 * u_ratio, 11.0 * u_ratio));
    size *= gone < 1.0 ? 1.35 : 0.7;
    size = min(size, span * 0.45);
    if (size < 1.2 * u_ratio) return;
    here = tip;
    shift = along * ((last * 2.0 - 1.0) * size - (gone < 1.0 ? 0.0 : size)) + right * side * size;
    v_at = vec2(side, last * 2.0 - 1.0);
    alpha = min(1.0, alpha * 1.25);
  }
  here.xy += shift / (u_screen * 0.5) * here.w;
  here.z -= here.w * 4e-4;
  gl_Position = here;
  v_head = head ? (gone < 1.0 ? 2.0 : 1.0) : 0.0;
  v_color = vec4(u_kinds[group], clamp(alpha, 0.0, 1.0) * (1.0 - fog(here.w)));
}
";

/// Colors of links.
pub(super) const LINK_COLOR: &str = "#version 300 es
precision highp float;
in vec4 v_color;
in vec2 v_at;
flat in float v_head;
uniform vec3 u_light;
out vec4 color;
void main() {
  float alpha = v_color.a;
  vec3 shade = v_color.rgb;
  if (v_head > 0.5) {
    // An arrow that points along the second coordinate, and a glow around one that travels.
    float wide = (1.0 - v_at.y) * 0.34 - abs(v_at.x);
    float arrow = smoothstep(-0.04, 0.06, wide) * step(-0.75, v_at.y);
    float glow = v_head > 1.5 ? 0.55 * exp(-4.5 * dot(v_at, v_at)) : 0.0;
    alpha *= max(arrow, glow);
    shade = mix(shade, u_light, v_head > 1.5 ? arrow * 0.35 : 0.0);
  } else {
    alpha *= 1.0 - 0.35 * v_at.x * v_at.x;
  }
  if (alpha < 0.004) discard;
  color = vec4(shade, alpha);
}
";

/// Rings around the axis, and single lines: pieces of a polyline, a quad each.
pub(super) const RING: &str = "
uniform vec3 u_from;
uniform vec3 u_to;
uniform float u_pieces;
uniform float u_line;
uniform vec4 u_color;
out vec4 v_color;
vec3 point(float part) {
  if (u_pieces < 1.5) return mix(u_from, u_to, part);
  float angle = part * 6.283185307;
  return vec3(cos(angle) * u_to.x, u_from.y, sin(angle) * u_to.x);
}
void main() {
  float number = float(gl_InstanceID);
  gl_Position = NOWHERE;
  vec4 a = u_matrix * vec4(point(number / u_pieces), 1.0);
  vec4 b = u_matrix * vec4(point((number + 1.0) / u_pieces), 1.0);
  if (a.w < NEAR && b.w < NEAR) return;
  if (a.w < NEAR) a = mix(a, b, (NEAR - a.w) / (b.w - a.w));
  if (b.w < NEAR) b = mix(b, a, (NEAR - b.w) / (a.w - b.w));
  vec2 across = (b.xy / b.w - a.xy / a.w) * u_screen * 0.5;
  float span = length(across);
  vec2 along = span > 1e-5 ? across / span : vec2(1.0, 0.0);
  float side = float(gl_VertexID & 1) * 2.0 - 1.0;
  vec4 here = (gl_VertexID >> 1) > 0 ? b : a;
  float far = fog(here.w);
  here.xy += vec2(-along.y, along.x) * side * u_line * u_ratio / u_screen * here.w;
  gl_Position = here;
  v_color = vec4(u_color.rgb, u_color.a * (1.0 - far * 0.6));
}
";

/// One color.
pub(super) const PLAIN_COLOR: &str = "#version 300 es
precision highp float;
in vec4 v_color;
out vec4 color;
void main() { color = v_color; }
";

/// Names: pieces of a picture of text, in pixels of the screen.
pub(super) const LABEL: &str = "
layout(location = 0) in vec4 a_place;
layout(location = 1) in vec4 a_text;
uniform vec2 u_atlas;
out vec2 v_text;
out float v_alpha;
void main() {
  gl_Position = NOWHERE;
  if (a_text.w > u_now) return;
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  vec2 at = a_place.xy + corner * a_place.zw;
  gl_Position = vec4(at.x / u_screen.x * 2.0 - 1.0, 1.0 - at.y / u_screen.y * 2.0, 0.0, 1.0);
  v_text = (a_text.xy + corner * a_place.zw) / u_atlas;
  v_alpha = a_text.z;
}
";

/// Colors of names: as they are in the picture.
pub(super) const LABEL_COLOR: &str = "#version 300 es
precision highp float;
in vec2 v_text;
in float v_alpha;
uniform sampler2D u_text;
out vec4 color;
void main() {
  vec4 text = texture(u_text, v_text);
  color = vec4(text.rgb, text.a * v_alpha);
}
";

/// The source of a program's part that knows nodes.
pub(super) fn with_head(source: &str) -> String {
    [HEAD, source].concat()
}

-- Walks the table L, which stands above, over frames, as the Go package does that
-- made it. Bytes are Lua strings; positions count from 0. No bit library is used:
-- they differ between the versions of Lua that Wireshark comes with.

local floor, fmt, byte, sub, char = math.floor, string.format, string.byte, string.sub, string.char

-- Bits.

local XOR, AND = {}, {}
for a = 0, 15 do
	XOR[a], AND[a] = {}, {}
	for b = 0, 15 do
		local x, n = 0, 0
		for i = 0, 3 do
			local p = floor(a / 2 ^ i) % 2
			local q = floor(b / 2 ^ i) % 2
			if p ~= q then x = x + 2 ^ i end
			if p + q == 2 then n = n + 2 ^ i end
		end
		XOR[a][b], AND[a][b] = x, n
	end
end

local function nibbles(t, a, b, n)
	local v, unit = 0, 1
	for _ = 1, n do
		v = v + t[a % 16][b % 16] * unit
		a, b, unit = floor(a / 16), floor(b / 16), unit * 16
	end
	return v
end

local function bits(v, from, count) return floor(v / 2 ^ from) % 2 ^ count end

-- Check codes.

local function reflected(poly, start)
	local t = {}
	for i = 0, 255 do
		local c = i
		for _ = 1, 8 do
			local low = c % 2
			c = floor(c / 2)
			if low == 1 then c = nibbles(XOR, c, poly, 4) end
		end
		t[i] = c
	end
	return function(s)
		local c = start
		for i = 1, #s do
			c = nibbles(XOR, floor(c / 256), t[nibbles(XOR, c % 256, byte(s, i), 2)], 4)
		end
		return c
	end
end

local arc, x25 = reflected(0xA001, 0), reflected(0x8408, 0xFFFF)

local function sum(s)
	local v = 0
	for i = 1, #s do v = v + byte(s, i) end
	return v
end

local SUMS = {
	["CRC-16/ARC"] = arc,
	["CRC-16/X-25"] = function(s) return 0xFFFF - x25(s) end,
	["CRC-16/XMODEM"] = function(s)
		local c = 0
		for i = 1, #s do
			c = nibbles(XOR, c, byte(s, i) * 256, 4)
			for _ = 1, 8 do
				local top = c >= 0x8000
				c = c * 2 % 0x10000
				if top then c = nibbles(XOR, c, 0x1021, 4) end
			end
		end
		return c
	end,
	["XOR-8"] = function(s)
		local x = 0
		for i = 1, #s do x = nibbles(XOR, x, byte(s, i), 2) end
		return x
	end,
	["SUM-8"] = function(s) return sum(s) % 256 end,
	["NEG-SUM-8"] = function(s) return -sum(s) % 256 end,
	["FOLD-16"] = function(s)
		local v = 0
		for i = 1, #s do
			v = v + byte(s, i)
			v = v % 0x10000 + floor(v / 0x10000)
		end
		return 0xFFFF - v
	end,
}

-- Text.

local function tohex(s, form)
	return (s:gsub(".", function(c) return fmt(form or "%02x", byte(c)) end))
end

local function hextext(s)
	if #s > 32 then return tohex(sub(s, 1, 32)) .. "… (" .. fmt("%d", #s) .. " bytes)" end
	return tohex(s)
end

local function hidden(r)
	return r < 0x20 or r >= 0x7F and r < 0xA0 or r == 0xAD or r >= 0x200B and r <= 0x200F or r >= 0x2028 and r <= 0x202E
		or r >= 0x2060 and r <= 0x206F or r == 0xFEFF or r >= 0xFFF0 and r <= 0xFFFB or r % 0x10000 >= 0xFFFE
		or r >= 0xE000 and r < 0xF900 or r >= 0xE0000
end

-- The character at i of s and its length; nil where it is none.
local function rune(s, i)
	local a = byte(s, i)
	if a < 0x80 then return a, 1 end
	local n, v, least
	if a >= 0xC2 and a < 0xE0 then
		n, v, least = 2, a - 0xC0, 0x80
	elseif a >= 0xE0 and a < 0xF0 then
		n, v, least = 3, a - 0xE0, 0x800
	elseif a >= 0xF0 and a < 0xF5 then
		n, v, least = 4, a - 0xF0, 0x10000
	else
		return nil, 1
	end
	for k = 1, n - 1 do
		local c = byte(s, i + k)
		if not c or c < 0x80 or c > 0xBF then return nil, 1 end
		v = v * 64 + c - 0x80
	end
	if v < least or v > 0x10FFFF or v >= 0xD800 and v < 0xE000 then return nil, 1 end
	return v, n
end

local function printtext(s)
	if not s:find("[^ -~]") then return s end
	local t, i = {}, 1
	while i <= #s do
		local r, n = rune(s, i)
		local c = sub(s, i, i + n - 1)
		if c == "\r" then
			c = "\\r"
		elseif c == "\n" then
			c = "\\n"
		elseif not r or hidden(r) then
			c = tohex(c, "\\x%02X")
		end
		t[#t + 1] = c
		i = i + n
	end
	return table.concat(t)
end

local function utf8char(v)
	if v < 0x80 then return char(v) end
	if v < 0x800 then return char(0xC0 + floor(v / 64), 0x80 + v % 64) end
	if v < 0x10000 then return char(0xE0 + floor(v / 4096), 0x80 + floor(v / 64) % 64, 0x80 + v % 64) end
	return char(0xF0 + floor(v / 262144), 0x80 + floor(v / 4096) % 64, 0x80 + floor(v / 64) % 64, 0x80 + v % 64)
end

local function utf16text(s)
	local t, i = {}, 1
	while i < #s do
		local v = byte(s, i) * 256 + byte(s, i + 1)
		i = i + 2
		if v >= 0xD800 and v < 0xE000 then
			local w = i < #s and byte(s, i) * 256 + byte(s, i + 1) or 0
			if v < 0xDC00 and w >= 0xDC00 and w < 0xE000 then
				v = 0x10000 + (v - 0xD800) * 0x400 + w - 0xDC00
				i = i + 2
			else
				v = 0xFFFD
			end
		end
		t[#t + 1] = utf8char(v)
	end
	return printtext(table.concat(t))
end

local function fixed(v, decimals)
	local s = fmt("%." .. decimals .. "f", v)
	if s:find("^%-[0.]*$") then return sub(s, 2) end
	return s
end

local function integer(v) return fixed(v, 0) end

local function monthdays(year, month)
	if month == 2 then
		return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) and 29 or 28
	end
	return (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
end

local function clocktext(s)
	local y, mo, d, h, mi, sec = byte(s, 1, 6)
	if y > 99 or mo < 1 or mo > 12 or d < 1 or d > monthdays(2000 + y, mo) or h > 23 or mi > 59 or sec > 59 then return nil end
	return fmt("%04d-%02d-%02dT%02d:%02d:%02d", 2000 + y, mo, d, h, mi, sec)
end

local function unixtext(v)
	local days, s = floor(v / 86400), v % 86400
	local y = 1970
	while true do
		local n = monthdays(y, 2) + 337
		if days < n then break end
		days, y = days - n, y + 1
	end
	local m = 1
	while days >= monthdays(y, m) do
		days, m = days - monthdays(y, m), m + 1
	end
	return fmt("%04d-%02d-%02dT%02d:%02d:%02d", y, m, days + 1, floor(s / 3600), floor(s / 60) % 60, s % 60)
end

local function formtext(s, form)
	if form == "ms" then
		local v = s:find("^%d+$") and tonumber(s)
		return v and v <= 7258118400000 and unixtext(floor(v / 1000)) or ""
	end
	if #s < #form then return "" end
	local at = {}
	local i = 1
	while i <= #form do
		local letter = sub(form, i, i)
		if letter:find("[CYMDhms]") then
			local pair = sub(s, i, i + 1)
			if not pair:find("^%d%d$") then return "" end
			at[letter] = tonumber(pair, 10)
			i = i + 2
		else
			if sub(s, i, i) ~= letter then return "" end
			i = i + 1
		end
	end
	local year, month, day = at.Y and 100 * (at.C or 20) + at.Y, at.M or 0, at.D or 0
	if year and (month < 1 or month > 12 or day < 1 or day > monthdays(year, month)) then return "" end
	local hour, minute, second = at.h or 0, at.m or 0, at.s or 0
	if hour > 23 or minute > 59 or second > 60 then return "" end
	local text = ""
	if year then text = fmt("%04d-%02d-%02d", year, month, day) end
	if year and at.h then text = text .. "T" end
	if at.h then text = text .. fmt("%02d:%02d:%02d", hour, minute, second) end
	return text
end

local function degrees(s)
	local whole, fraction = s:match("^(%d+)%.?(%d*)$")
	if not whole or #whole < 2 or #whole > 5 or #fraction > 9 then return nil end
	local d = sub(whole, 1, -3)
	if d == "" then d = "0" end
	return tonumber(d) + tonumber(sub(whole, -2) .. "." .. fraction .. "0") / 60
end

local function trim(s) return s:match("^ *(.-) *$") end

-- Numbers.

local function number(s, little)
	local v = 0
	if little then s = s:reverse() end
	for i = 1, #s do v = v * 256 + byte(s, i) end
	return v
end

-- The decimal digits of a number of any length.
local function decimal(s)
	local d = { 0 }
	for i = 1, #s do
		local carry = byte(s, i)
		for k = 1, #d do
			carry = carry + d[k] * 256
			d[k] = carry % 10
			carry = floor(carry / 10)
		end
		while carry > 0 do
			d[#d + 1] = carry % 10
			carry = floor(carry / 10)
		end
	end
	local t = {}
	for k = #d, 1, -1 do t[#t + 1] = fmt("%d", d[k]) end
	return table.concat(t)
end

local function signed(v, width, how)
	local top = 2 ^ (width - 1)
	if not how or v < top then return v end
	if how == "twos" then return v - 2 * top end
	return -(v - top)
end

local function uinttext(n, raw, v)
	if n.names and n.names[v] then return n.names[v] end
	local unit = n.unit or ""
	if n.base == 16 then return "0x" .. tohex(raw, "%02X") .. unit end
	if n.base == 2 then
		return (raw:gsub(".", function(c)
			local t = ""
			for i = 7, 0, -1 do t = t .. fmt("%d", bits(byte(c), i, 1)) end
			return t
		end)) .. unit
	end
	if n.div then return fixed(v / n.div, n.decimals or 0) .. unit end
	if #raw > 6 then return decimal(raw) .. unit end
	return integer(v) .. unit
end

-- The bytes of a number, big-endian, for uinttext.
local function bytesof(v, width)
	local t = {}
	for i = width, 1, -1 do
		t[i] = char(v % 256)
		v = floor(v / 256)
	end
	return table.concat(t)
end

local function parttext(p, v)
	v = signed(v, p.count or 1, p.signed and "magnitude")
	if p.names and p.names[v] then return p.names[v] end
	local s = p.div and fixed(v / p.div, p.decimals or 0) or integer(v)
	if p.label then s = p.label .. " " .. s end
	return s .. (p.unit or "")
end

-- The parts of a word, of which get gives some bits.
local function partstext(parts, get)
	local t = {}
	for _, p in ipairs(parts) do
		local text = parttext(p, get(p.from or 0, p.count or 1))
		if text ~= "" then t[#t + 1] = text end
	end
	return table.concat(t, ", ")
end

-- The same of a word in decimal digits, in limbs of 24 bits: it has more than a
-- number of Lua holds.
local function digitparts(parts, s)
	s = s:match("^0*(%d+)$")
	if not s or #s > 19 or #s == 19 and s > "9223372036854775807" then return "" end
	local limbs = { 0, 0, 0, 0 }
	for c in s:gmatch("%d") do
		local carry = tonumber(c)
		for i = 1, 3 do
			carry = carry + limbs[i] * 10
			limbs[i] = carry % 2 ^ 24
			carry = floor(carry / 2 ^ 24)
		end
	end
	return partstext(parts, function(from, count)
		local i = floor(from / 24) + 1
		return bits(limbs[i] + limbs[i + 1] * 2 ^ 24, from % 24, count)
	end)
end

local function floattext(s, little, decimals)
	if little then s = s:reverse() end
	local mantissa, exponent, v
	local sign = byte(s, 1) >= 128 and -1 or 1
	if #s == 4 then
		exponent = byte(s, 1) % 128 * 2 + floor(byte(s, 2) / 128)
		mantissa = byte(s, 2) % 128 * 65536 + byte(s, 3) * 256 + byte(s, 4)
		if exponent == 255 then return mantissa > 0 and "NaN" or "Inf" end
		v = exponent == 0 and mantissa * 2 ^ -149 or (mantissa + 2 ^ 23) * 2 ^ (exponent - 150)
	else
		exponent = byte(s, 1) % 128 * 16 + floor(byte(s, 2) / 16)
		mantissa = byte(s, 2) % 16
		for i = 3, 8 do mantissa = mantissa * 256 + byte(s, i) end
		if exponent == 2047 then return mantissa > 0 and "NaN" or "Inf" end
		v = exponent == 0 and mantissa * 2 ^ -1074 or (mantissa + 2 ^ 52) * 2 ^ (exponent - 1075)
	end
	return fixed(sign * v, decimals or 0), sign * v
end

-- Expressions. A state r has buf, pos, stop (behind the range), vars and short.

local eval

local function num(r, e)
	local v = eval(r, e)
	return type(v) == "number" and v or 0
end

local function str(r, e)
	local v = eval(r, e)
	return type(v) == "string" and v or ""
end

local function truth(b) return b and 1 or 0 end

local function peek(r, at, width, little)
	if at < 0 or at > #r.buf - width then
		r.short = true
		return -1
	end
	return number(sub(r.buf, at + 1, at + width), little)
end

local function digits(s, base, pattern)
	if #s == 0 or #s > 9 or not s:find(pattern) then return -1 end
	return tonumber(s, base)
end

local function find(r, e, buf, text)
	local from = e[3] and num(r, e[3]) or r.pos
	local last = e[4] and num(r, e[4]) or math.huge
	local stop = math.min(last, r.stop)
	if from >= 0 and from < stop then
		local i, j = buf:find(text, from + 1, true)
		if i and j <= stop then return i - 1 end
	end
	r.short = r.short or last > r.stop
	return -1
end

-- How many bytes of the range from pos are, or are not, among these.
local function stretch(r, these, among)
	local n = 0
	while r.pos + n < r.stop and (these:find(sub(r.buf, r.pos + n + 1, r.pos + n + 1), 1, true) ~= nil) == among do n = n + 1 end
	return n
end

local EVAL = {
	str = function(_, e) return e[2] end,
	var = function(r, e) return r.vars[e[2]] or 0 end,
	pos = function(r) return r.pos end,
	left = function(r) return r.stop - r.pos end,
	size = function(r) return #r.buf end,
	["&&"] = function(r, e) return truth(num(r, e[2]) ~= 0 and num(r, e[3]) ~= 0) end,
	["||"] = function(r, e) return truth(num(r, e[2]) ~= 0 or num(r, e[3]) ~= 0) end,
	["if"] = function(r, e)
		if num(r, e[2]) ~= 0 then return eval(r, e[3]) end
		return eval(r, e[4])
	end,
	["in"] = function(r, e)
		local v = eval(r, e[2])
		for i = 3, #e do
			if v == eval(r, e[i]) then return 1 end
		end
		return 0
	end,
	find = function(r, e) return find(r, e, r.buf, e[2][2]) end,
	findfold = function(r, e) return find(r, e, r.buf:lower(), e[2][2]:lower()) end,
	count = function(r, e)
		local n, i, text = 0, r.pos + 1, e[2][2]
		while true do
			local at, last = r.buf:find(text, i, true)
			if not at or last > r.stop then return n end
			n, i = n + 1, last + 1
		end
	end,
	run = function(r, e) return stretch(r, e[2][2], true) end,
	["until"] = function(r, e) return stretch(r, e[2][2], false) end,
	outside = function(r, e)
		local quoted, escaped = false, false
		for i = r.pos + 1, r.stop do
			local c = sub(r.buf, i, i)
			if escaped then
				escaped = false
			elseif quoted and c == "\\" then
				escaped = true
			elseif c == '"' then
				quoted = not quoted
			elseif not quoted and e[2][2]:find(c, 1, true) then
				return i - 1 - r.pos
			end
		end
		return r.stop - r.pos
	end,
	starts = function(r, e)
		local text = e[2][2]
		return truth(#text <= r.stop - r.pos and sub(r.buf, r.pos + 1, r.pos + #text) == text)
	end,
	["!"] = function(r, e) return truth(num(r, e[2]) == 0) end,
	byte = function(r, e) return peek(r, num(r, e[2]), 1) end,
	be16 = function(r, e) return peek(r, num(r, e[2]), 2) end,
	le16 = function(r, e) return peek(r, num(r, e[2]), 2, true) end,
	be32 = function(r, e) return peek(r, num(r, e[2]), 4) end,
	le32 = function(r, e) return peek(r, num(r, e[2]), 4, true) end,
	date = function(r, e)
		local at = num(r, e[2])
		return truth(at >= 0 and at <= #r.buf - 6 and clocktext(sub(r.buf, at + 1, at + 6)) ~= nil)
	end,
	trimmed = function(r, e)
		local stop, filler = r.stop, num(r, e[2])
		while stop > r.pos and byte(r.buf, stop) == filler do stop = stop - 1 end
		return stop
	end,
	len = function(r, e) return #str(r, e[2]) end,
	decimal = function(r, e)
		local from, to = num(r, e[2]), num(r, e[3])
		if from < 0 or to < from or to > #r.buf then return -1 end
		return digits(trim(sub(r.buf, from + 1, to)), 10, "^%d+$")
	end,
	dec = function(r, e) return digits(str(r, e[2]), 10, "^%d+$") end,
	hex = function(r, e) return digits(str(r, e[2]), 16, "^%x+$") end,
	["=="] = function(r, e) return truth(eval(r, e[2]) == eval(r, e[3])) end,
	["!="] = function(r, e) return truth(eval(r, e[2]) ~= eval(r, e[3])) end,
	["<"] = function(r, e) return truth(num(r, e[2]) < num(r, e[3])) end,
	["<="] = function(r, e) return truth(num(r, e[2]) <= num(r, e[3])) end,
	[">"] = function(r, e) return truth(num(r, e[2]) > num(r, e[3])) end,
	[">="] = function(r, e) return truth(num(r, e[2]) >= num(r, e[3])) end,
	["+"] = function(r, e) return num(r, e[2]) + num(r, e[3]) end,
	["-"] = function(r, e) return num(r, e[2]) - num(r, e[3]) end,
	["*"] = function(r, e) return num(r, e[2]) * num(r, e[3]) end,
	["/"] = function(r, e)
		local a, b = num(r, e[2]), num(r, e[3])
		return b <= 0 and 0 or a < 0 and 0 or floor(a / b)
	end,
	["%"] = function(r, e)
		local a, b = num(r, e[2]), num(r, e[3])
		return b <= 0 and 0 or a < 0 and 0 or a % b
	end,
	["&"] = function(r, e) return nibbles(AND, num(r, e[2]) % 2 ^ 32, num(r, e[3]) % 2 ^ 32, 8) end,
	[">>"] = function(r, e)
		local a, b = num(r, e[2]), num(r, e[3])
		return (a < 0 or b < 0 or b > 31) and 0 or floor(a / 2 ^ b)
	end,
	min = function(r, e) return math.min(num(r, e[2]), num(r, e[3])) end,
	max = function(r, e) return math.max(num(r, e[2]), num(r, e[3])) end,
}

eval = function(r, e)
	if type(e) == "number" then return e end
	return EVAL[e[1]](r, e)
end

-- The walk over a frame. r.emit(offset, length, name, value, note, node) gets each field.

local walk

local function place(r, pos) return r.at and r.at[pos + 1] or pos end

local function span(r, size, name, value, note, node)
	local from = place(r, r.pos)
	r.pos = r.pos + size
	local n = place(r, r.pos) - from
	if n > 0 then r.emit(from, n, name, value, note or "", node) end
end

local function close(r)
	if r.pos < r.stop then
		span(r, r.stop - r.pos, "unparsed", hextext(sub(r.buf, r.pos + 1, r.stop)), "", nil)
	end
end

local function set(r, n, v)
	for _, name in ipairs(n.vars or {}) do r.vars[name] = v end
end

local function textof(r, n, s)
	set(r, n, s)
	local note = n.meanings and n.meanings[s] or ""
	if n.form then note = formtext(s, n.form) end
	if n.parts then note = digitparts(n.parts, s) end
	if n.expect then
		local want = eval(r, n.expect)
		if type(want) == "string" then
			if want ~= s then note = "WRONG, expected " .. printtext(want) end
		elseif want < 0 then
			note = "WRONG"
		elseif want ~= digits(s, n.base or 10, n.base and "^%x+$" or "^%d+$") then
			local width = (n.base or sub(s, 1, 1) == "0") and "0" .. math.min(#s, 9) or ""
			note = "WRONG, expected " .. fmt("%" .. width .. (n.base and "X" or "d"), want)
		end
	end
	return printtext(s), note
end

local function word(r, sep)
	local i = r.buf:find(sep, r.pos + 1, true)
	if i and i <= r.stop then
		return sub(r.buf, r.pos + 1, i - 1), i - r.pos
	end
	return sub(r.buf, r.pos + 1, r.stop), r.stop - r.pos
end

local function titled(r, n, value)
	if n.title and value ~= "" then r.titles[#r.titles + 1] = value end
end

-- Whether all of s is characters of one byte below 0x80, or of two as GBK has them.
local function pairsonly(s)
	local i = 1
	while i <= #s do
		local a, b = byte(s, i, i + 1)
		if a < 0x80 then
			i = i + 1
		elseif a == 0x80 or a == 0xFF or not b or b < 0x40 or b == 0x7F or b == 0xFF then
			return false
		else
			i = i + 2
		end
	end
	return true
end

local function charset(n, s)
	local enc = _G[n.charset]
	if not enc or #s == 0 or not pairsonly(s) then return s end
	-- Zeros at the end, for some versions give no more bytes than there were.
	local padded = tohex(s) .. ("00"):rep(#s)
	local ok, text = pcall(function() return ByteArray.new(padded):tvb("text"):range():string(enc) end)
	text = ok and text:gsub("%z+$", "") or s
	-- What has no character, or one for private use, is shown as it came.
	if text:find("\239\191\189") or text:find("\238") or text:find("\239[\128-\163]") then return s end
	return text
end

local function rtrim(s, filler)
	local n = #s
	while n > 0 and sub(s, n, n) == filler do n = n - 1 end
	return sub(s, 1, n)
end

local LEAF = {}

function LEAF.uint(r, n, s)
	local raw = n.le and s:reverse() or s
	local v = #raw <= 6 and signed(number(raw), 8 * #raw, n.sign) or nil
	if #raw <= 4 then set(r, n, v) end
	local note = v and n.notes and n.notes[v] or ""
	if n.expect then
		local want = num(r, n.expect)
		if want < 0 then
			note = "WRONG"
		elseif want ~= v then
			note = "WRONG, expected " .. uinttext(n, bytesof(want, n.width), want)
		end
	end
	return uinttext(n, raw, v), note, v
end

function LEAF.bits(r, n, s)
	local v = number(s, n.le)
	set(r, n, v)
	return partstext(n.parts, function(from, count) return bits(v, from, count) end), n.notes and n.notes[v] or ""
end

function LEAF.float(_, n, s)
	local text, v = floattext(s, n.le, n.decimals)
	local note
	if n.degmin and v and math.abs(v) <= 18000 then
		local d = floor(math.abs(v) / 100)
		local deg = d + (math.abs(v) - 100 * d) / 60
		note = fixed(v < 0 and -deg or deg, 6) .. "°"
	end
	return text .. (n.unit or ""), note
end

function LEAF.bytes(_, n, s)
	if n.hidden then return fmt("%d", #s) .. " bytes, not shown" end
	return hextext(s)
end

function LEAF.text(r, n, s)
	if n.trim then s = rtrim(s, n.trim) end
	local value, note = textof(r, n, s)
	if n.charset then value = printtext(charset(n, s)) end
	return value, note
end

function LEAF.utf16(_, _, s) return utf16text(s) end

function LEAF.digits(r, n, s)
	local d = tohex(s)
	d = sub(d, 1 + (n.skip or 0), #d - (n.drop or 0))
	if n.trim then d = rtrim(d, n.trim) end
	local value, note = textof(r, n, d)
	if n.coord then
		local whole = tohex(s)
		local deg = degrees(sub(whole, 1, n.coord - 4) .. "." .. sub(whole, n.coord - 3, n.coord))
		if deg then note = fixed(deg, 6) .. "°" end
	end
	return value, note
end

function LEAF.clock(_, n, s)
	local plain = s
	if n.bcd then
		plain = s:gsub(".", function(c)
			local high, low = floor(byte(c) / 16), byte(c) % 16
			return char((high > 9 or low > 9) and 255 or high * 10 + low)
		end)
	end
	return clocktext(plain) or hextext(s)
end

function LEAF.unix(_, n, s) return unixtext(number(s, n.le)) end

function LEAF.lit(_, n, s)
	if s == n.lit then return "" end
	return hextext(s), "WRONG, expected " .. hextext(n.lit)
end

function LEAF.check(r, n, s)
	local from, to = num(r, n.from), num(r, n.to)
	if from < 0 or to < from or to > #r.buf then from, to = 0, 0 end
	local want = fmt("%0" .. 2 * n.width .. "X", SUMS[n.sum](sub(r.buf, from + 1, to)))
	local found
	if n.inhex then
		found = printtext(s)
	else
		found, want = "0x" .. tohex(n.le and s:reverse() or s, "%02X"), "0x" .. want
	end
	if found == want then return found, "OK   " .. n.sum end
	return found, "WRONG, expected " .. want .. "   " .. n.sum
end

local function leaf(r, n)
	local size = n.width
	if n.size then
		size = num(r, n.size)
		if size < 0 then return false end
	elseif n.op == "lit" then
		size = #n.lit
	elseif n.op == "check" and n.inhex then
		size = 2 * n.width
	end
	if size > r.stop - r.pos then
		r.broken = true
		return false
	end
	local value, note, v = LEAF[n.op](r, n, sub(r.buf, r.pos + 1, r.pos + size))
	titled(r, n, value)
	r.number = v
	span(r, size, n.name, value, note, n)
	return true
end

local function inner(r, n, buf, at)
	local outer = { r.buf, r.at, r.stop }
	local stop = r.stop
	r.buf, r.at, r.pos, r.stop = buf, at, 0, #buf
	walk(r, n.kids)
	close(r)
	r.buf, r.at, r.stop = outer[1], outer[2], outer[3]
	r.pos = stop
	return true
end

local NODE = {}

NODE["let"] = function(r, n)
	set(r, n, eval(r, n.size))
	return true
end

NODE.fail = function() return false end

NODE["if"] = function(r, n) return num(r, n.cond) == 0 or walk(r, n.kids) end

NODE["switch"] = function(r, n)
	for _, c in ipairs(n.kids) do
		if num(r, c.cond) ~= 0 then return walk(r, c.kids) end
	end
	return true
end

NODE["while"] = function(r, n)
	while num(r, n.cond) ~= 0 do
		local at = r.pos
		if not walk(r, n.kids) or r.pos == at then return r.pos ~= at end
	end
	return true
end

NODE["repeat"] = function(r, n)
	for _ = 1, num(r, n.size) do
		local at = r.pos
		if not walk(r, n.kids) then return false end
		if r.pos == at then break end
	end
	return true
end

NODE.sub = function(r, n)
	local size = num(r, n.size)
	if size < 0 or size > r.stop - r.pos then return false end
	local outer = r.stop
	r.stop = r.pos + size
	walk(r, n.kids)
	close(r)
	r.stop = outer
	return true
end

NODE.unescape = function(r, n)
	local plain, at, i = {}, {}, r.pos
	while i < r.stop do
		local coded, text = sub(r.buf, i + 1, i + 1), nil
		for _, e in ipairs(n.escapes) do
			if i + #e.coded <= r.stop and sub(r.buf, i + 1, i + #e.coded) == e.coded then
				coded, text = e.coded, e.plain or ""
				break
			end
		end
		if text == "" then return false end
		text = text or coded
		for k = 0, #text - 1 do at[#at + 1] = place(r, i + k) end
		plain[#plain + 1] = text
		i = i + #coded
	end
	at[#at + 1] = place(r, r.stop)
	return inner(r, n, table.concat(plain), at)
end

NODE.unhex = function(r, n)
	local s = sub(r.buf, r.pos + 1, r.stop)
	if #s % 2 ~= 0 or s:find("%X") then return false end
	local at = {}
	for i = 0, #s / 2 do at[#at + 1] = place(r, r.pos + 2 * i) end
	return inner(r, n, (s:gsub("%x%x", function(h) return char(tonumber(h, 16)) end)), at)
end

NODE.word = function(r, n)
	local s, size = word(r, n.sep)
	local value, note = textof(r, n, s)
	titled(r, n, value)
	span(r, size, n.name, value, note, n)
	return true
end

NODE.degmin = function(r, n)
	local s, size = word(r, n.sep)
	span(r, size, n.name, printtext(s), "", n)
	local deg = degrees(trim(s))
	local h
	h, size = word(r, n.sep)
	local hemisphere, note = trim(h), ""
	if deg and (hemisphere == "N" or hemisphere == "E") then
		note = fixed(deg, 6) .. "°"
	elseif deg and (hemisphere == "S" or hemisphere == "W") then
		note = fixed(-deg, 6) .. "°"
	end
	span(r, size, n.name .. " hemisphere", printtext(h), note, n)
	return true
end

walk = function(r, nodes)
	for _, n in ipairs(nodes or {}) do
		if not (NODE[n.op] or leaf)(r, n) then return false end
	end
	return true
end

local function dissect(s, emit)
	local r = { buf = s, pos = 0, stop = #s, vars = {}, titles = {} }
	r.emit = function(offset, size, name, value, note, node)
		emit(offset, size, name, value, note, node, r.number)
		r.number = nil
	end
	walk(r, L.fields)
	close(r)
	return table.concat(r.titles, ", "), r.broken
end

-- The stream.

-- The size of the frame at pos of s; nil where none begins, true where more bytes
-- are needed to tell.
local function framesize(s, pos)
	local r = { buf = sub(s, pos + 1), pos = 0, vars = {} }
	r.stop = #r.buf
	for _, f in ipairs(L.frames) do
		r.short = false
		if num(r, f.cond) ~= 0 then
			r.short = false
			local size = num(r, f.size)
			if r.short then return true end
			return size > 0 and size or nil
		end
		if r.short then return true end
	end
	return nil
end

-- Whether the layout finds something wrong with a frame, or misses a field.
local function faulty(frame)
	local bad = false
	local _, broken = dissect(frame, function(_, _, name, _, note) bad = bad or name == "unparsed" or note:find("^WRONG") ~= nil end)
	return bad or broken
end

-- Where in a frame with faults another begins that has none: what is before it is
-- left of one that was cut off. True where the frame ends as it begins, so that its
-- end mark may be the start of another one, of which more bytes are needed to tell;
-- nil for neither.
local function restart(s, pos, size)
	if not faulty(sub(s, pos + 1, pos + size)) then return nil end
	for q = pos + 1, pos + size - 1 do
		local n = framesize(s, q)
		if n == true or n and n > #s - q then
			local tail = sub(s, q + 1, pos + size)
			if #tail < 3 and tail == sub(s, pos + 1, pos + #tail) then return true end
		elseif n and not faulty(sub(s, q + 1, q + n)) then
			return q
		end
	end
	return nil
end

-- The size of the frame at pos that begins with the flag of the one before it, as
-- framesize has it; nil where there is none.
local function shared(s, pos)
	local flag = sub(s, pos, pos)
	if not L.shared or not L.shared:find(flag, 1, true) or flag == sub(s, pos + 1, pos + 1) then return nil end
	local size = framesize(s, pos - 1)
	if not size or size == true or size > #s - pos + 1 or not faulty(sub(s, pos, pos - 1 + size)) then return size end
	return nil
end

-- Wireshark.

local proto = Proto(L.name, L.title)
local wrong = ProtoExpert.new(L.name .. ".wrong", "A field is wrong", expert.group.PROTOCOL, expert.severity.WARN)
proto.experts = { wrong }
proto.prefs.datagrams = Pref.bool("One frame in each datagram", false, "Whatever its bytes are: for looking at frames that are broken")

local fields = { ProtoField.string(L.name .. ".unparsed", "unparsed"), ProtoField.bytes(L.name .. ".junk", "junk") }
local junk, byabbr = fields[2], { unparsed = fields[1] }
for _, f in ipairs(L.names) do
	local make = f.number and ProtoField.int64 or ProtoField.string
	local field = make(L.name .. "." .. f.abbr, f.name)
	byabbr[f.abbr] = field
	fields[#fields + 1] = field
end
proto.fields = fields

local function show(tvb, from, size, pinfo, tree, first)
	local top = tree:add(proto, tvb(from, size))
	local info = dissect(tvb:raw(from, size), function(offset, n, name, value, note, node, v)
		local abbr = L.abbrs[name] or "unparsed"
		local item
		if v and node and L.numbers[abbr] then
			item = top:add(byabbr[abbr], tvb(from + offset, n), Int64.new(v))
		else
			item = top:add(byabbr[abbr], tvb(from + offset, n), value)
		end
		local text = value
		if note ~= "" then text = text == "" and note or text .. " " .. note end
		item:set_text(name .. ": " .. text)
		if note:find("^WRONG") then item:add_proto_expert_info(wrong, note) end
	end)
	top:set_text(L.title .. (info ~= "" and ", " .. info or ""))
	if first == nil then return end
	if info == "" then info = "frame of " .. fmt("%d", size) .. " bytes" end
	if first then
		pinfo.cols.info:set(info)
	else
		pinfo.cols.info:append("; " .. info)
	end
end

if L.within then -- behind what Wireshark makes of the packet
	local payload = Field.new(L.within)
	function proto.dissector(_, pinfo, tree)
		for _, f in ipairs({ payload() }) do
			if f.len > 0 then
				local part = f.range:tvb()
				show(part, 0, part:len(), pinfo, tree)
			end
		end
	end
	register_postdissector(proto)
	return
end

-- The flag that ended the last segment of each direction of a conversation, and where a
-- frame was found to begin with it: packets are looked at again, in any order.
local flags, begun = {}, {}
function proto.init() flags, begun = {}, {} end

-- Keeps the flag that s has before pos, or that there is none.
local function keep(pinfo, flow, s, pos, ended)
	local flag = ended and L.shared and sub(s, pos, pos) or ""
	if not pinfo.visited then flags[flow] = flag ~= "" and L.shared:find(flag, 1, true) and flag or nil end
end

-- The flag that ended the segment before where the frame at the start of s begins with
-- it, and that frame's size, as framesize has it, without the flag.
local function borrowed(pinfo, flow, s)
	local packet = fmt("%d", pinfo.number) .. "/" .. fmt("%d", #s)
	local flag = flags[flow]
	if pinfo.visited then flag = begun[packet] end
	if not flag or framesize(s, 0) or flag == sub(s, 1, 1) then return nil end
	local size = framesize(flag .. s, 0)
	if not size or size ~= true and size - 1 <= #s and faulty(flag .. sub(s, 1, size - 1)) then return nil end
	begun[packet] = flag
	return flag, size == true or size - 1
end

local function dissector(tvb, pinfo, tree)
	local s, pos, first = tvb:raw(), 0, true
	local last -- where the last frame ended
	if #s == 0 then return 0 end
	pinfo.cols.protocol:set(L.name:upper())
	if proto.prefs.datagrams and pinfo.can_desegment == 0 then
		show(tvb, 0, #s, pinfo, tree, true)
		return #s
	end
	local flow = tostring(pinfo.src) .. " " .. fmt("%d", pinfo.src_port) .. " " .. tostring(pinfo.dst) .. " " .. fmt("%d", pinfo.dst_port)
	if L.shared and pinfo.can_desegment > 0 then
		local flag, size = borrowed(pinfo, flow, s)
		if flag and (size == true or size > #s) then
			pinfo.desegment_offset, pinfo.desegment_len = 0, DESEGMENT_ONE_MORE_SEGMENT
			return #s
		elseif flag then
			local whole = ByteArray.new(fmt("%02x", flag:byte())) .. tvb(0, size):bytes()
			show(whole:tvb("Frame with the flag before it"), 0, size + 1, pinfo, tree, first)
			first, pos, last = false, size, size
		end
	end
	while pos < #s do
		if L.between and L.between:find(sub(s, pos + 1, pos + 1), 1, true) then
			pos = pos + 1
		else
			local size = framesize(s, pos)
			if not size and pos == last then
				size = shared(s, pos)
				if size then pos = pos - 1 end
			end
			if not size then
				local from = pos
				repeat pos = pos + 1 until pos >= #s or framesize(s, pos)
				tree:add(junk, tvb(from, pos - from))
			elseif size == true or size > #s - pos then
				if pinfo.can_desegment > 0 then
					keep(pinfo, flow, s, pos, pos == last)
					pinfo.desegment_offset = pos
					pinfo.desegment_len = size == true and DESEGMENT_ONE_MORE_SEGMENT or size - (#s - pos)
					return #s
				end
				size = #s - pos
			else
				local again = restart(s, pos, size)
				if again == true and pinfo.can_desegment > 0 then
					keep(pinfo, flow, s, pos, pos == last)
					pinfo.desegment_offset = pos
					pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
					return #s
				elseif again and again ~= true then
					tree:add(junk, tvb(pos, again - pos))
					pos, size = again, nil
				end
			end
			if size then
				show(tvb, pos, size, pinfo, tree, first)
				first, pos = false, pos + size
				last = pos
			end
		end
	end
	keep(pinfo, flow, s, pos, pos == last)
	return pos
end

proto.dissector = dissector

-- Streams of unknown ports are taken where they begin like the dialect.
local function heuristic(tvb, pinfo, tree)
	local s = tvb:raw()
	while L.between and s ~= "" and L.between:find(sub(s, 1, 1), 1, true) do s = sub(s, 2) end
	local r = { buf = s, pos = 0, stop = #s, vars = {} }
	if num(r, L.start) == 0 then return false end
	pinfo.conversation = proto
	dissector(tvb, pinfo, tree) -- by proto.dissector it could not ask for more bytes
	return true
end

for _, transport in ipairs({ "tcp", "udp" }) do
	local ports = DissectorTable.get(transport .. ".port")
	if L.port then
		ports:add(L.port, proto)
	else
		ports:add_for_decode_as(proto)
	end
	proto:register_heuristic(transport, heuristic)
end

-- Serial lines are recorded as packets of a type for private use.
pcall(function() DissectorTable.get("wtap_encap"):add((wtap_encaps or wtap).USER0, proto) end)

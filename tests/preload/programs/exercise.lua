-- SPDX-License-Identifier: MIT
--
-- Owns a Lua workload that checks itself and prints sums: every object of Lua goes through realloc,
-- so tables that grow, strings that are built and dropped, coroutines, both garbage collectors.

local function check(good, what)
    if not good then
        io.stderr:write("exercise.lua: ", what, "\n")
        os.exit(1)
    end
end

local function tables()
    local sum = 0
    for round = 1, 10 do
        local t = {}
        for i = 1, 50000 do t[i] = { i, tostring(i * round) } end
        for i = 1, 50000, 3 do t[i] = nil end
        for _, v in pairs(t) do sum = sum + v[1] + #v[2] end
    end
    return sum
end

local function strings()
    local parts = {}
    for i = 1, 40000 do parts[#parts + 1] = ("s"):rep(i % 200) .. i end
    local text = table.concat(parts, ";")
    local count = 0
    for word in text:gmatch("s+(%d+)") do count = count + tonumber(word) end
    local copy = text:gsub("s", "tt"):gsub("tt", "s")
    check(copy == text, "gsub and back")
    local big = "x"
    for _ = 1, 23 do big = big .. big end
    check(#big == 1 << 23 and big:byte(#big) == 120, "a long string")
    return count
end

local function coroutines()
    local sum = 0
    for i = 1, 5000 do
        local co = coroutine.wrap(function(a)
            local t = {}
            for k = 1, 20 do t[k] = a * k; coroutine.yield(t) end
        end)
        for _ = 1, 10 do sum = sum + #co(i) end
    end
    return sum
end

-- Finalisers free in an order of the collector's choosing; weak tables let go of what is dead.
local function collection()
    local ended = 0
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 20000 do
        local meta = { __gc = function() ended = ended + 1 end }
        weak[i] = setmetatable({ ("d"):rep(i % 500) }, meta)
    end
    collectgarbage()
    collectgarbage()
    check(ended == 20000, "finalisers ran: " .. ended)
    check(next(weak) == nil, "weak table is empty")
    return ended
end

local results = {}
for _, mode in ipairs { "incremental", "generational" } do
    collectgarbage(mode)
    for _, part in ipairs { tables, strings, coroutines, collection } do
        results[#results + 1] = part()
    end
end
collectgarbage()
check(collectgarbage("count") < 20000, "the heap is small again")
print(table.concat(results, " "))

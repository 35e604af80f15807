-- Tables, strings and closures that come and go. Argument: thousands of rows.
local count = tonumber(arg[1]) * 1000
local kept, total = {}, 0
for i = 1, count do
    local row = { id = i, name = "row " .. (i * 7919 % count), list = {} }
    for j = 1, i % 12 do
        row.list[j] = j * i
    end
    row.sum = function() return #row.list + row.id end
    total = total + row.sum()
    kept[i % 20000 + 1] = row
end
local parts = {}
for i = 1, #kept do
    parts[#parts + 1] = kept[i].name:upper():rep(1 + i % 3)
    if #parts == 1000 then
        parts = { table.concat(parts, ","):sub(1, 5000) }
    end
end
print(total, #table.concat(parts))

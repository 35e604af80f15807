"""A large C file on stdout, the same each time. Argument: functions."""

import sys

count = int(sys.argv[1])
print("#include <stddef.h>\nstruct node { struct node *next; int key; double value; };")
for n in range(count):
    print(f"""
static int helper{n}(const struct node *list, int limit)
{{
    int total = {n};
    for (; list; list = list->next) {{
        switch (list->key % 7) {{
        case 0: total += list->key * {n % 13 + 2}; break;
        case 1: total ^= list->key >> {n % 5 + 1}; break;
        case 3: total -= (int)(list->value * {n}.5); break;
        default: if (total > limit) return total - {n}; total++;
        }}
    }}
    return total;
}}

int work{n}(struct node *list, int *table, size_t count)
{{
    int sum = helper{n}(list, (int)count);
    for (size_t i = 0; i + 4 < count; i++) {{
        table[i] = table[i + {n % 4}] * {n + 1} + (sum & (int)i);
        if (table[i] < sum) sum += {f'work{n - 1}(list->next, table, i)' if n else 'table[i]'};
    }}
    return sum;
}}""")

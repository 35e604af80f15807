/* SPDX-License-Identifier: MIT */
/*
 * The bytes that huge pages waste: under HAKMEM_HUGE_PAGES=always a program that touches little has
 * a huge page, most of which hak_stats and the JSON text call waste; and so it is: it can be used
 * up without RSS growing. (tests/cli/figures.sh holds the metrics against hak_stats.)
 */
#include "check.h"
#include "hak_names.h"

#define BLOCK (4 * KIB)
#define LITTLE (600 * KIB)

static size_t smaps_bytes(const char *name)
{
    char line[256];
    size_t sum = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            sum += strtoul(line + strlen(name), NULL, 10) * KIB;
    fclose(file);
    return sum;
}

static size_t waste_now(void)
{
    struct hak_stats stats;
    hak.stats(&stats, sizeof stats);
    CHECK_LE(stats.huge_waste_bytes, stats.warm_bytes);
    return stats.huge_waste_bytes;
}

static size_t number_in(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    CHECK(found != NULL);
    return strtoul(found + strlen(key), NULL, 10);
}

/* What each format says. */
static void formats_agree(size_t waste)
{
    static char text[1 << 17];
    CHECK_LE(hak.stats_json(text, sizeof text), sizeof text - 1);
    CHECK_EQ(number_in(text, "\"huge_waste_bytes\":"), waste);
}

static void take(size_t bytes)
{
    for (size_t taken = 0; taken < bytes; taken += BLOCK) {
        char *block = malloc(BLOCK);
        CHECK(block != NULL);
        memset(block, 1, BLOCK);
    }
}

static int touch_little(void)
{
    take(LITTLE);
    if (smaps_bytes("AnonHugePages:") < 2 * MIB) {
        puts("the kernel has no huge page to give: skipped");
        return 77;
    }
    size_t waste = waste_now();
    size_t resident = smaps_bytes("Rss:");
    CHECK_GE(waste, MIB);
    CHECK_LE(waste, 2 * MIB - LITTLE);
    formats_agree(waste);
    take(waste - 128 * KIB);
    CHECK_LE(smaps_bytes("Rss:"), resident + 256 * KIB);
    CHECK_LE(waste_now(), 128 * KIB);
    return 0;
}

int main(int argc, char **argv)
{
    if (!hak_find())
        return 0;
    if (argc > 1)
        return touch_little();
    setenv("HAKMEM_HUGE_PAGES", "always", 1);
    setenv("HAKMEM_DECAY_MS", "-1", 1);
    execl(argv[0], argv[0], "little", (char *)NULL);
    return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * A program whose stacks are known: of the live memory, load_orders asked for 69 %, parse_lines for
 * 31 %; and it frees all that churn asks for. Prints "ready" and waits for ever; with the word
 * "exit" it ends.
 */
#include <cstdio>
#include <cstring>
#include <unistd.h>
#include <vector>

#define MIB (1 << 20)

static std::vector<std::vector<char>> orders;
static std::vector<char *> lines;

__attribute__((noinline)) static void load_orders()
{
    for (int i = 0; i < 69; i++)
        orders.emplace_back(MIB - 4096, 'x');
}

__attribute__((noinline)) static void parse_lines()
{
    for (int i = 0; i < 31 * 1024; i++)
        lines.push_back(new char[1000]);
}

__attribute__((noinline)) static void churn()
{
    for (int i = 0; i < 200000; i++) {
        char *volatile block = new char[1000];
        delete[] block;
    }
}

int main(int argc, char **argv)
{
    orders.reserve(69);
    lines.reserve(31 * 1024);
    load_orders();
    parse_lines();
    churn();
    puts("ready");
    fflush(stdout);
    while (argc < 2 || strcmp(argv[1], "exit") != 0)
        pause();
    return 0;
}

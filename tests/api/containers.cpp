/* SPDX-License-Identifier: MIT */
/*
 * C++ programs as they are: containers built by one thread and destroyed by another, shared
 * pointers, thread_local objects with destructors, static objects made before main and destroyed
 * after it.
 */
#include "check.h"

#include <deque>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

/* Made before main, destroyed after it. */
static std::map<int, std::string> &early_map()
{
    static std::map<int, std::string> map;
    return map;
}

struct Early {
    std::vector<std::string> lines;
    Early()
    {
        for (int i = 0; i < 1000; i++) {
            lines.push_back(std::string(static_cast<size_t>(i % 300), 'e'));
            early_map()[i] = std::to_string(i);
        }
    }
    ~Early()
    {
        for (size_t i = 0; i < lines.size(); i++)
            CHECK_EQ(lines[i].size(), i % 300);
        for (int i = 0; i < 1000; i++)
            lines.push_back("allocated after main");
    }
};
static Early early __attribute__((init_priority(101)));

/* Destroyed when its thread ends: allocates and frees there. */
struct OfThread {
    std::vector<std::unique_ptr<std::string>> strings;
    ~OfThread()
    {
        for (size_t i = 0; i < strings.size(); i++)
            CHECK_EQ(strings[i]->size(), i * 7 % 2000);
        std::list<std::string> late;
        for (int i = 0; i < 100; i++)
            late.push_back(std::string(static_cast<size_t>(i) * 30, 'l'));
        CHECK_EQ(late.back().size(), 2970);
    }
};
static thread_local OfThread of_thread;

static std::mutex mutex;
static std::vector<std::shared_ptr<std::map<std::string, std::vector<int>>>> shared;

static void build(int seed)
{
    uint64_t random = static_cast<uint64_t>(seed);
    for (size_t i = 0; i < 200; i++)
        of_thread.strings.push_back(std::make_unique<std::string>(i * 7 % 2000, 't'));
    for (int round = 0; round < 15; round++) {
        auto map = std::make_shared<std::map<std::string, std::vector<int>>>();
        for (int i = 0; i < 60; i++) {
            std::string name = "key " + std::to_string(i) + std::string(random % 90, 'k');
            size_t length = random_next(&random) % 400;
            (*map)[name] = std::vector<int>(length, i);
        }
        std::lock_guard<std::mutex> lock(mutex);
        shared.push_back(map);
        if (shared.size() > 20)
            shared.erase(shared.begin() + static_cast<long>(random % 10)); /* another's, often */
    }
}

static void built_and_destroyed_by_threads()
{
    for (int round = 0; round < 8; round++) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 6; i++)
            threads.emplace_back(build, round * 10 + i + 1);
        for (std::thread &thread : threads)
            thread.join();
        for (const auto &map : shared)
            for (const auto &[name, numbers] : *map)
                for (int number : numbers)
                    CHECK_EQ(number, std::stoi(name.substr(4)));
    }
    shared.clear();
}

static void each_container()
{
    std::deque<int> deque;
    std::unordered_map<std::string, int> table;
    std::set<std::string> set;
    for (int i = 0; i < 20000; i++) {
        deque.push_back(i);
        if (i % 3 == 0)
            deque.pop_front();
        table[std::to_string(i % 5000)] += i;
        set.insert(std::to_string(i * 7919 % 10007));
    }
    CHECK_EQ(deque.back(), 19999);
    CHECK_EQ(deque.front(), 6667);
    CHECK_EQ(table.size(), 5000);
    CHECK_EQ(table["4999"], 4999 + 9999 + 14999 + 19999);
    CHECK_EQ(set.size(), 10007);
    std::ostringstream stream;
    for (int i = 0; i < 5000; i++)
        stream << i << ',';
    CHECK_EQ(stream.str().size(), 10 + 90 * 2 + 900 * 3 + 4000 * 4 + 5000);
    std::vector<std::vector<char>> nested;
    for (size_t i = 0; i < 400; i++)
        nested.emplace_back(i * 97, static_cast<char>(i));
    for (size_t i = 0; i < 400; i++)
        CHECK(nested[i].empty() || nested[i].back() == static_cast<char>(i));
}

static void futures()
{
    std::vector<std::future<std::string>> results;
    for (int i = 0; i < 40; i++)
        results.push_back(std::async(std::launch::async, [i] {
            std::function<std::string(int)> repeat = [&repeat](int times) {
                return times == 0 ? std::string() : repeat(times - 1) + std::string(40, 'r');
            };
            return repeat(i);
        }));
    for (size_t i = 0; i < results.size(); i++)
        CHECK_EQ(results[i].get().size(), 40 * i);
}

int main()
{
    CHECK_EQ(early.lines.size(), 1000);
    CHECK(early_map()[999] == "999");
    each_container();
    built_and_destroyed_by_threads();
    futures();
    return 0;
}

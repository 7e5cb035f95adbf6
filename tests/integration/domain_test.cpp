// Goal: what a real name server says becomes a tenant's domain, once, and nobody else's.
// Method: dnsmasq on loopback for the resolver; the checker on a real database with answers
// of the test's own.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "tests/integration/lane_harness.h"
#include "workers/gateway/domains/checker.h"
#include "workers/gateway/domains/claim.h"

namespace tenantry::gateway::domain_test {
namespace {

using testing::must;
using testing::TestDatabase;
using Kind = dns::TxtAnswer::Kind;

// Whether nobody has it; held for no longer than the question.
bool is_free(int port, int kind) {
  const int fd = socket(AF_INET, kind, 0);
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<std::uint16_t>(port)),
                      .sin_addr = {htonl(INADDR_LOOPBACK)},
                      .sin_zero = {}};
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

// Of those that no client gets: what the kernel gives away for one would be taken by another test's connection before
// dnsmasq has it, whose port is UDP's and TCP's.
int free_port() {
  int first_of_clients = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first_of_clients;
  std::uniform_int_distribution<int> any(10'000, std::max(10'100, first_of_clients - 1));
  std::random_device random;
  for (int tries = 0; tries < 1'000; ++tries) {
    const int port = any(random);
    if (is_free(port, SOCK_DGRAM) && is_free(port, SOCK_STREAM)) return port;
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

class NameServer {
 public:
  explicit NameServer(std::vector<std::string> options) : port(free_port()) {
    options.insert(options.begin(), {"/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                                     "--conf-file=/dev/null", "--pid-file=", "--listen-address=127.0.0.1",
                                     "--bind-interfaces", "--port=" + std::to_string(port), "--user=root"});
    pid_ = fork();
    if (pid_ == 0) {
      std::vector<char*> arguments;
      for (auto& option : options) arguments.push_back(option.data());
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
  }
  ~NameServer() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port); }
  const int port;

 private:
  pid_t pid_ = 0;
};

TEST(Resolver, TellsWhatIsThereWhatIsNotAndWhatNobodyKnows) {
  const std::string half(200, 'a');
  const NameServer server(
      {"--txt-record=_tenantry.crm.acme.fr,tenantry-verification=t0ken", "--txt-record=_tenantry.crm.acme.fr,second",
       "--txt-record=long.example," + half + "," + half, "--address=/none.example/127.0.0.1", "--local=/acme.fr/",
       "--local=/long.example/", "--local=/gone.example/", "--local=/none.example/"});
  const auto find_txt = must(dns::txt_resolver(server.address(), Milliseconds{4'000}));
  std::vector<dns::TxtAnswer> answers;
  ASSERT_TRUE(testing::eventually([&] {
    answers = find_txt({"_tenantry.crm.acme.fr", "nobody.gone.example", "none.example", "long.example"});
    return answers[0].kind == Kind::found;
  }));
  std::ranges::sort(answers[0].texts);
  EXPECT_EQ(answers[0].texts, (std::vector<std::string>{"second", "tenantry-verification=t0ken"}));
  EXPECT_EQ(answers[1].kind, Kind::absent) << answers[1].error;
  EXPECT_EQ(answers[2].kind, Kind::absent) << "the name is there, and has no text";
  ASSERT_EQ(answers[3].kind, Kind::found);
  EXPECT_EQ(answers[3].texts, std::vector<std::string>{half + half}) << "strings of one record are one text";

  const auto nobody = must(dns::txt_resolver("127.0.0.1:" + std::to_string(free_port()), Milliseconds{1'500}));
  EXPECT_EQ(nobody({"crm.acme.fr"})[0].kind, Kind::failed);
  EXPECT_FALSE(dns::txt_resolver("not an address", Milliseconds{1}));
}

class Domains : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* tenant : {"acme", "beta"}) {
      database.add_tenant(tenant);
      name(tenant);
    }
  }
  void name(const std::string& tenant) {
    database.exec(
        "superuser",
        "INSERT INTO platform.domains (tenant_id, domain, token, state, set_at, asked_at, next_check_at) VALUES "
        "($1, 'crm.acme.fr', 'of-' || $1, 'pending', $2, $2, $2)",
        {tenant, clock.now()});
  }
  // Looks at what is due; the DNS shows these tenants' tokens.
  int check(const std::vector<std::string>& tenants, Kind otherwise = Kind::absent) {
    dns::TxtAnswer answer{.kind = tenants.empty() ? otherwise : Kind::found};
    for (const auto& tenant : tenants) answer.texts.push_back(proof_text("of-" + tenant));
    db::Connection connection(database.url("gateway"), "test");
    return must(check_domains(
        connection,
        [&](const std::vector<std::string>& names) { return std::vector<dns::TxtAnswer>(names.size(), answer); }, clock,
        ids));
  }
  std::string states() {
    return database.value(
        "SELECT string_agg(t.tenant_id || ' ' || d.state || ' ' || coalesce(t.custom_domain, '-') || ' ' || d.problem, "
        "', ' ORDER BY t.tenant_id) FROM platform.tenants t JOIN platform.domains d USING (tenant_id)");
  }
  std::string told() {
    return database.value(
        "SELECT coalesce(string_agg(tenant_id || ' ' || type, ', ' ORDER BY tenant_id, type), '') FROM "
        "messaging.outbox "
        "WHERE type LIKE 'domain.%'");
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
};

TEST_F(Domains, AreTheFirstsWhoProvesThemUntilItIsGoneForThreeDays) {
  EXPECT_EQ(check({"acme"}), 2);
  EXPECT_EQ(states(), "acme verified crm.acme.fr , beta pending - wrong");
  clock.advance(Days{1});
  check({"acme", "beta"});
  EXPECT_EQ(states(), "acme verified crm.acme.fr , beta pending - taken");
  EXPECT_EQ(told(), "acme domain.verified");
  for (int hours = 0; hours < 80; ++hours) {
    clock.advance(Seconds{3'600});
    check({"beta"});
  }
  EXPECT_EQ(states(), "acme lost - wrong, beta verified crm.acme.fr ");
  EXPECT_EQ(told(), "acme domain.lost, acme domain.verified, beta domain.verified");
}

TEST_F(Domains, AreKeptWhileNobodyAnswers) {
  check({"acme"});
  for (int hours = 0; hours < 100; ++hours) {
    clock.advance(Seconds{3'600});
    check({}, Kind::failed);
  }
  EXPECT_EQ(states().substr(0, 35), "acme verified crm.acme.fr no_answer");
}

TEST_F(Domains, AreTakenByOneGatewayAtATime) {
  EXPECT_EQ(check({}), 2);
  EXPECT_EQ(check({}), 0) << "not due again";
}

TEST_F(Domains, CheckerEndsWhileItWaits) {
  SystemClock now;
  DomainChecker checker(
      database.url("gateway"),
      [](const std::vector<std::string>& names) { return std::vector<dns::TxtAnswer>(names.size()); }, now, ids);
  checker.start();
  checker.look_now();
}

}  // namespace
}  // namespace tenantry::gateway::domain_test

/** What the editor shows to someone who opens it for the first time. */
export const STARTER_QUERY = `# The API of Sluice. Run a query with the play button or Ctrl+Enter (Cmd+Enter on a Mac).
#
# The book on the left shows every type and field. Ctrl+Space completes what you type.
# Subscriptions run here too: they go over a WebSocket and show each event as it comes.
# A request that carries credentials sets them below, under Headers:
#   { "Authorization": "Bearer slk_…" }

{
  serverInfo {
    version
  }
}
`;

// The explorer of our own description, with nothing from another host: no validator badge, no remembered token.
globalThis.SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  docExpansion: "list",
});

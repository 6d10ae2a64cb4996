// Before the first paint: the theme and language that were chosen here, else the system's.
(function () {
  var root = document.documentElement;
  var theme = null, lang = null;
  try {
    theme = localStorage.getItem('llm-link.theme');
    lang = localStorage.getItem('llm-link.language');
  } catch (_) { /* Without storage nothing was chosen. */ }
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.classList.toggle('dark', dark);
  root.lang = (lang || navigator.language).toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
})();
